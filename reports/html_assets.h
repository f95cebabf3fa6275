/* Files embedded for pages (cmake/embed.cmake): the bytes with a closing NUL, and their number. */
#ifndef LPC_REPORTS_HTML_ASSETS_H
#define LPC_REPORTS_HTML_ASSETS_H

extern const char html_asset_style[];   /* reports/page.css */
extern const char html_asset_script[];  /* reports/page.js */
extern const char html_asset_chartjs[]; /* Debian's libjs-chart.js */
extern const unsigned long html_asset_style_size, html_asset_script_size, html_asset_chartjs_size;

#endif
