/* Keeps the plan's time ticks and bar labels fitting while the reader zooms; no request is made. */
(function () {
  "use strict";
  var MINUTE = 60000;

  function span(figure) {
    var range = figure._fullLayout.xaxis.range.map(function (r) { return figure._fullLayout.xaxis.r2l(r); });
    return { begin: range[0], end: range[1], px: figure._fullLayout._size.w / (range[1] - range[0]) };
  }

  /* Labels that fit their bars, one list a trace; null where a trace shows no labels. */
  function labels(trace, view, meta) {
    if (trace.type !== "bar" || trace.orientation !== "h" || !trace.meta || !trace.meta.labelled) return null;
    return trace.customdata.map(function (row, i) {
      var begin = trace.base[i], end = Math.min(begin + trace.x[i], view.end);
      var needs = row[1].length * meta.glyph_px + meta.padding_px;
      return begin >= view.begin - MINUTE && needs <= (end - begin) * view.px ? row[1] : "";
    });
  }

  /* Figures of the ribbons: in view, inside their block, clear of the one before. */
  function ribbonFigures(trace, view, meta) {
    var taken = {};
    return trace.customdata.map(function (row, i) {
      var half = (row[0].length * meta.ribbon_glyph_px + meta.ribbon_gap_px) / 2 / view.px, at = trace.x[i];
      var fits = at - half >= view.begin && at + half <= view.end && (row[2] === 0 || row[2] >= 2 * half);
      if (!fits || at - half < (taken[row[1]] || -Infinity)) return "";
      taken[row[1]] = at + half;
      return row[0];
    });
  }

  function refit(figure) {
    var meta = figure.layout.meta;
    if (!meta || !meta.ticks) return Promise.resolve();
    var view = span(figure), steps = Object.keys(meta.ticks).map(Number).sort(function (a, b) { return a - b; });
    var step = steps.find(function (s) { return s * 60 * MINUTE * view.px >= meta.tick_room_px; }) || steps[steps.length - 1];
    var texts = [], which = [];
    figure.data.forEach(function (trace, i) {
      var fitted = trace.name === meta.ribbon_figures ? ribbonFigures(trace, view, meta) : labels(trace, view, meta);
      if (fitted) { texts.push(fitted); which.push(i); }
    });
    var layout = { "xaxis.tickvals": meta.ticks[step].vals, "xaxis.ticktext": meta.ticks[step].texts };
    return window.Plotly.update(figure, { text: texts }, layout, which);
  }

  function attach(figure) {
    if (figure.noriaAttached) return;
    figure.noriaAttached = true;
    figure.on("plotly_relayout", function (change) {
      var moved = Object.keys(change).some(function (key) { return key.indexOf("xaxis") === 0 || key === "autosize" || key === "width"; });
      if (moved) refit(figure);
    });
    refit(figure);
  }

  function show(figure, hours) {
    var begin = figure.layout.meta.begin_ms, end = figure.layout.meta.end_ms;
    var last = hours ? Math.min(begin + hours * 60 * MINUTE, end) : end;
    window.Plotly.relayout(figure, { "xaxis.range": [begin, last] });
  }

  window.noriaPlan = { attach: attach, refit: refit, show: show };
})();
