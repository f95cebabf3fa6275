/* Draws the charts of a page: each canvas "<id>-canvas" from the data in "<id>-data". Series differ by
   colour, dash and mark; bands and limits carry their names. Colours are the style sheet's, taken anew
   when the scheme changes, and those of paper while the page is printed. */
(function () {
	"use strict";

	const root = document.documentElement;
	const dashes = [[], [7, 3], [2, 2], [9, 3, 2, 3], [12, 4], [4, 4]];
	const marks = ["circle", "triangle", "rect", "rectRot", "crossRot", "star"];
	const drawn = [];

	if (!window.Chart)
		return;
	root.classList.add("js");

	function colour(name) {
		return getComputedStyle(root).getPropertyValue("--" + name).trim();
	}

	function text(s, most) {
		return s.length > most ? s.slice(0, most - 1) + "\u2026" : s;
	}

	function hatch(ctx, left, right, top, bottom) {
		ctx.beginPath();
		for (let x = left - (bottom - top); x < right; x += 9) {
			ctx.moveTo(x, bottom);
			ctx.lineTo(x + (bottom - top), top);
		}
		ctx.stroke();
	}

	function drawBand(chart, band, row) {
		const ctx = chart.ctx, area = chart.chartArea, x = chart.scales.x;
		const left = Math.max(area.left, x.getPixelForValue(band.from));
		const right = Math.max(left + 2, Math.min(area.right, x.getPixelForValue(band.to)));

		if (left >= area.right || right <= area.left)
			return;
		ctx.save();
		ctx.beginPath();
		ctx.rect(left, area.top, right - left, area.bottom - area.top);
		ctx.clip();
		ctx.fillStyle = ctx.strokeStyle = colour("band");
		ctx.globalAlpha = 0.13;
		ctx.fillRect(left, area.top, right - left, area.bottom - area.top);
		ctx.globalAlpha = 0.22;
		hatch(ctx, left, right, area.top, area.bottom);
		ctx.restore();
		ctx.save();
		ctx.fillStyle = colour("ink");
		ctx.textBaseline = "top";
		ctx.textAlign = left > (area.left + area.right) * 0.7 ? "right" : "left";
		ctx.fillText(text(band.label, 28), ctx.textAlign === "right" ? Math.min(right, area.right) - 3 : left + 3,
			area.top + 3 + 14 * (row % 4 + (chart.lpc.limits.length > 0 ? 1 : 0)));
		ctx.restore();
	}

	function drawLimit(chart, limit) {
		const ctx = chart.ctx, area = chart.chartArea, y = chart.scales.y.getPixelForValue(limit.y);

		if (!(y >= area.top && y <= area.bottom))
			return;
		ctx.save();
		ctx.strokeStyle = ctx.fillStyle = colour("limit");
		ctx.lineWidth = 1.5;
		ctx.setLineDash([10, 4]);
		ctx.beginPath();
		ctx.moveTo(area.left, y);
		ctx.lineTo(area.right, y);
		ctx.stroke();
		ctx.textAlign = "right";
		ctx.textBaseline = y - area.top < 16 ? "top" : "bottom";
		ctx.fillText(text(limit.label, 40), area.right - 3, y + (ctx.textBaseline === "top" ? 2 : -2));
		ctx.restore();
	}

	const behind = {
		id: "behind",
		beforeDatasetsDraw(chart) {
			chart.lpc.bands.forEach((b, i) => drawBand(chart, b, i));
		},
		afterDatasetsDraw(chart) {
			chart.lpc.limits.forEach((l) => drawLimit(chart, l));
			chart.canvas.dataset.drawn = "yes";
		},
	};

	function quantile(x) {
		return "p" + String(Number((100 - 100 / x).toPrecision(6)));
	}

	function axis(title, log) {
		return {
			type: log ? "logarithmic" : "linear",
			title: { display: true, text: title, color: colour("soft") },
			ticks: { color: colour("soft"), maxRotation: 0, autoSkipPadding: 12 },
			grid: { color: colour("line"), borderColor: colour("line") },
		};
	}

	function lines(data) {
		return data.series.map((s, i) => ({
			label: text(s.label, 40),
			data: s.points.map((p) => ({ x: p[0], y: p[1] })),
			borderColor: colour("s" + (i % 8)),
			backgroundColor: colour("s" + (i % 8)),
			borderDash: dashes[i % dashes.length],
			borderWidth: 1.6,
			pointStyle: marks[i % marks.length],
			pointRadius: s.points.length > 60 ? 0 : 3,
			pointHitRadius: 6,
			stepped: data.type === "step" ? "before" : false,
			spanGaps: false,
		}));
	}

	function bars(data) {
		return data.series.map((s, i) => {
			const values = data.categories.map(() => null);

			s.points.forEach((p) => { values[p[0]] = data.type === "range" ? [p[1], p[2]] : p[1]; });
			return {
				label: text(s.label, 40),
				data: values,
				backgroundColor: colour("s" + (i % 8)),
				borderColor: colour("paper"),
				borderWidth: 1,
				borderSkipped: false,
				maxBarThickness: 26,
				minBarLength: data.type === "range" ? 3 : 0,
				grouped: false,
			};
		});
	}

	/* Shares of a whole: the longest bar is 1, but for the rounding. */
	function wholes(data) {
		const sums = data.categories.map(() => 0);

		data.series.forEach((s) => s.points.forEach((p) => { sums[p[0]] += p[1]; }));
		return Math.abs(Math.max(...sums) - 1) < 1e-6;
	}

	function round(v) {
		return /^0?\.?0*[125]0*$/.test(String(v)) ? String(v) : null;
	}

	function scales(data, flat) {
		const along = axis(flat ? data.y : data.x, flat ? data.log : data.quantiles);
		const up = axis(flat ? data.x : data.y, !flat && data.log);

		if (flat) {
			up.type = "category";
			up.ticks.callback = function (v) { return text(this.getLabelForValue(v), 24); };
			up.ticks.autoSkip = false;
			if (data.log)
				along.ticks.callback = round;
			along.stacked = up.stacked = data.type === "bar";
			if (data.type === "bar" && wholes(data))
				along.max = 1;
		}
		if (data.quantiles)
			along.ticks.callback = (v) => ([1, 2, 4, 10, 20, 100, 1000, 10000, 100000].includes(v) ? quantile(v) : null);
		if (!flat && !data.quantiles)
			along.bounds = "data";
		if (!flat && data.limits.length > 0)
			up.suggestedMax = Math.max(...data.limits.map((l) => l.y));
		if (!flat && data.log)
			up.ticks.callback = round;
		else if (!flat)
			up.beginAtZero = true;
		return { x: along, y: up };
	}

	function title(data, flat, items) {
		const x = items[0].parsed.x;

		return flat ? items[0].label : data.quantiles ? quantile(x) : data.x + ": " + x;
	}

	function options(data, flat) {
		return {
			animation: false,
			maintainAspectRatio: false,
			indexAxis: flat ? "y" : "x",
			interaction: { mode: "nearest", axis: flat ? "y" : "x", intersect: false },
			scales: scales(data, flat),
			plugins: {
				legend: {
					display: data.series.length > 1,
					position: "bottom",
					labels: { color: colour("ink"), usePointStyle: !flat, boxWidth: flat ? 14 : 30, boxHeight: 8 },
				},
				tooltip: { callbacks: { title: (items) => (items.length ? title(data, flat, items) : "") } },
			},
		};
	}

	function configure(data) {
		const flat = data.categories.length > 0;

		return {
			type: flat ? "bar" : "line",
			data: { labels: flat ? data.categories : undefined, datasets: flat ? bars(data) : lines(data) },
			options: options(data, flat),
		};
	}

	function draw(canvas) {
		const data = JSON.parse(document.getElementById(canvas.id.replace(/-canvas$/, "-data")).textContent);
		const chart = Chart.getChart(canvas);

		if (chart)
			chart.destroy();
		if (data.categories.length > 0)
			canvas.parentNode.style.height = 7 + 2.6 * data.categories.length + "rem";
		/* Known to the plugin before the first drawing, which happens in the constructor. */
		new Chart(canvas, Object.assign(configure(data), {
			plugins: [{ id: "data", beforeInit(c) { c.lpc = data; } }, behind],
		}));
	}

	function drawAll() {
		Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
		drawn.forEach(draw);
	}

	document.querySelectorAll("figure canvas").forEach((c) => drawn.push(c));
	drawAll();
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
	addEventListener("beforeprint", () => { root.classList.add("paper"); drawAll(); });
	addEventListener("afterprint", () => { root.classList.remove("paper"); drawAll(); });
})();
