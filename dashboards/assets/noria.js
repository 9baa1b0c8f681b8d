/* What the browser does alone: links without reloading, the plan's view and selection, keys.
   The address holds the reader's choices; dashboards/url_state.py reads and writes the same keys. */
(function () {
  "use strict";

  const DEFAULTS = { begin: "0", span: "2160", order: "" };
  const QUIET_MS = 250;

  /* --- address --- */

  function query() {
    return new URLSearchParams(window.location.search);
  }

  /* Note choices in the address; Back leads to the page before unless `push` says otherwise. */
  function note(choices, push) {
    const wanted = query();
    for (const [key, value] of Object.entries(choices)) {
      if (String(value) === DEFAULTS[key]) wanted.delete(key);
      else wanted.set(key, value);
    }
    const text = wanted.toString();
    const address = window.location.pathname + (text ? "?" + text : "");
    if (address === window.location.pathname + window.location.search) return;
    window.history[push ? "pushState" : "replaceState"](null, "", address);
    carryTheme();
  }

  function carryTheme() {
    const theme = query().get("theme") === "dark" ? "dark" : "light";
    document.documentElement.dataset.theme = theme;
  }

  function go(address) {
    window.history.pushState(null, "", address);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    carryTheme();
    window.scrollTo(0, 0);
  }

  document.addEventListener("click", function (event) {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey)
      return;
    const link = event.target.closest("a[data-nav]");
    if (link) {
      event.preventDefault();
      go(link.id === "theme" ? themed(link) : link.getAttribute("href"));
      return;
    }
    const zoom = event.target.closest("[data-span]");
    if (zoom) showSpan(Number(zoom.dataset.span));
    const order = event.target.closest("[data-order]");
    if (order && !event.target.closest("a")) select(order.dataset.order);
    const share = event.target.closest("#share");
    if (share) copyLink(share);
  });

  window.addEventListener("popstate", function () {
    carryTheme();
    const order = query().get("order") || "";
    outline(order);
    markRows(order);
    if (document.getElementById("gantt"))
      window.dash_clientside.set_props("selected-order", { data: order });
  });

  /* The theme's link is older than a choice noted since; keep the choice. */
  function themed(link) {
    const wanted = query();
    const theme = new URL(link.href).searchParams.get("theme");
    if (theme) wanted.set("theme", theme);
    else wanted.delete("theme");
    const text = wanted.toString();
    return window.location.pathname + (text ? "?" + text : "");
  }

  function copyLink(button) {
    const label = button.querySelector("span:last-child");
    const before = label.textContent;
    navigator.clipboard.writeText(window.location.href).then(function () {
      label.textContent = button.dataset.done;
      setTimeout(() => (label.textContent = before), 1600);
    });
  }

  /* --- the plan's view --- */

  function gantt() {
    return document.querySelector("#gantt .js-plotly-plot");
  }

  function origin() {
    const holder = document.querySelector("[data-origin]");
    return holder ? Number(holder.dataset.origin) : NaN;
  }

  function instant(value) {
    if (typeof value === "number") return value;
    const text = String(value).replace(" ", "T");
    return Date.parse(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : text + "Z");
  }

  function viewOf(plot) {
    const range = plot._fullLayout.xaxis.range.map(instant);
    return {
      begin: Math.round((range[0] - origin()) / 60000),
      span: Math.round((range[1] - range[0]) / 60000),
    };
  }

  function showSpan(minutes) {
    const plot = gantt();
    if (!plot) return;
    const first = instant(plot._fullLayout.xaxis.range[0]);
    window.Plotly.relayout(plot, { "xaxis.range": [first, first + minutes * 60000] });
  }

  function pressSpan(span) {
    for (const button of document.querySelectorAll("[data-span]"))
      button.setAttribute("aria-pressed", String(Number(button.dataset.span) === span));
  }

  /* Note the view in the address, once it has come to rest. */
  let resting = null;
  function viewChanged() {
    clearTimeout(resting);
    resting = setTimeout(function () {
      const plot = gantt();
      if (!plot || !plot._fullLayout || Number.isNaN(origin())) return;
      const view = viewOf(plot);
      note(view);
      pressSpan(view.span);
    }, QUIET_MS);
  }

  /* Call back with the plan's figure when plotly has drawn it; it comes later than its data. */
  function whenDrawn(callback, tries) {
    const plot = gantt();
    if (plot && plot._fullLayout && plot.on) callback(plot);
    else if (tries > 0) setTimeout(() => whenDrawn(callback, tries - 1), 50);
  }

  /* --- the selected order --- */

  function select(order) {
    const again = query().get("order") === order;
    const chosen = again ? "" : order;
    note({ order: chosen }, true);
    outline(chosen);
    markRows(chosen);
    window.dash_clientside.set_props("selected-order", { data: chosen });
  }

  function markRows(order) {
    for (const row of document.querySelectorAll("tr[data-order]"))
      row.setAttribute("aria-selected", String(row.dataset.order === order));
  }

  /* Outline every piece of work of an order, and its places of last night. */
  function outline(order) {
    const plot = gantt();
    if (!plot || !plot.data) return;
    const places = [];
    for (const trace of plot.data) {
      if (trace.type !== "bar" || trace.width < 0.5 || !order) continue;
      trace.customdata.forEach(function (row, i) {
        if (row[2] === order && row[1])
          places.push([trace.base[i], trace.base[i] + trace.x[i], trace.y[i]]);
      });
    }
    draw(plot, "selected", places);
    const meta = plot.layout.meta;
    if (!Object.keys(meta.ghosts).length) return; // few enough to be drawn always
    const before = meta.ghosts[order] || [];
    draw(plot, meta.ghost_trace, before);
    const entry = document.getElementById("legend-ghosts");
    if (entry) entry.hidden = !before.length;
  }

  /* Rectangles around [left, right, row] as one line with gaps. */
  function draw(plot, name, places) {
    const at = plot.data.findIndex((trace) => trace.name === name);
    if (at < 0) return;
    const x = places.flatMap(([left, right]) => [left, right, right, left, left, null]);
    const y = places.flatMap(([, , row]) =>
      [row - 0.43, row - 0.43, row + 0.43, row + 0.43, row - 0.43, null]);
    window.Plotly.restyle(plot, { x: [x], y: [y] }, [at]);
  }

  function step(way) {
    const rows = [...document.querySelectorAll("tr[data-order]")];
    if (!rows.length) return;
    const now = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const next = rows[(now + way + rows.length) % rows.length] || rows[0];
    if (rows.indexOf(next) !== now) select(next.dataset.order);
    next.focus();
  }

  /* --- keys --- */

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const row = event.target.closest("[data-order]");
    if (row && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      select(row.dataset.order);
      return;
    }
    const spans = [...document.querySelectorAll("[data-span]")];
    const number = Number(event.key);
    if (number >= 1 && number <= spans.length) showSpan(Number(spans[number - 1].dataset.span));
    if (event.key === "j") step(1);
    if (event.key === "k") step(-1);
  });

  /* --- what Dash calls --- */

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.noria = {
    /* A click on a bar selects its order. */
    clicked: function (click) {
      const point = click && click.points && click.points[0];
      const order = point && point.customdata && point.customdata[2];
      if (order) select(order);
      return null;
    },
    /* A callback has found where to go next. */
    navigate: function (address) {
      if (address) go(address);
      return window.dash_clientside.no_update;
    },
    /* Drawn, dragged or zoomed: fit ticks and labels, note the view. */
    drawn: function () {
      whenDrawn(function (plot) {
        if (!plot.noriaAttached) {
          window.noriaPlan.attach(plot);
          outline(query().get("order") || "");
        }
        viewChanged();
      }, 400);
      return window.dash_clientside.no_update;
    },
  };

  carryTheme();
})();
