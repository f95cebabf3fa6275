#include "harness/net/http.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/check.h"

static size_t fitted(int written, size_t n)
{
	return written > 0 && (size_t)written < n ? (size_t)written : 0;
}

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {498, "Capacity Exceeded"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
};

const char *http_reason(unsigned status)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

size_t http_write_head(char *buf, size_t n, const struct http_head *head)
{
	bool typed = head->content_type != NULL;
	char length[64];

	if (head->content_length < 0)
		snprintf(length, sizeof(length), "transfer-encoding: chunked\r\n");
	else
		snprintf(length, sizeof(length), "content-length: %lld\r\n",
		        (long long)head->content_length);
	return fitted(
	        snprintf(buf, n, "HTTP/1.1 %u %s\r\n%s%s%s%sconnection: %s\r\n%s\r\n", head->status,
	                http_reason(head->status), typed ? "content-type: " : "",
	                typed ? head->content_type : "", typed ? "\r\n" : "", length,
	                head->keep_alive ? "keep-alive" : "close", head->extra ? head->extra : ""),
	        n);
}

size_t http_write_continue(char *buf, size_t n)
{
	return fitted(snprintf(buf, n, "HTTP/1.1 100 Continue\r\n\r\n"), n);
}

size_t http_write_request(char *buf, size_t n, const char *method, const char *path,
        const char *host, const char *content_type, int64_t content_length, const char *extra)
{
	char body[160] = "";

	if (content_type &&
	        !fitted(snprintf(body, sizeof(body), "content-type: %s\r\ncontent-length: %lld\r\n",
	                        content_type, (long long)content_length),
	                sizeof(body)))
		return 0;
	return fitted(snprintf(buf, n, "%s %s HTTP/1.1\r\nhost: %s\r\n%s%s\r\n", method, path, host,
	                      body, extra ? extra : ""),
	        n);
}

size_t http_chunk_frame(char *buf, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	CHECK(len > 0 && len <= HTTP_CHUNK_MAX);
	for (size_t i = 0; i < 4; i++)
		buf[i] = hex[len >> (12 - 4 * i) & 15];
	memcpy(buf + 4, "\r\n", 2);
	memcpy(buf + HTTP_CHUNK_PREFIX + len, "\r\n", HTTP_CHUNK_SUFFIX);
	return len + HTTP_CHUNK_PREFIX + HTTP_CHUNK_SUFFIX;
}
