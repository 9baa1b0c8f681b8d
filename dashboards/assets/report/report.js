/* Zoom buttons of the report, and a plan that fits the paper. */
(function () {
  "use strict";
  var figure = document.getElementById("plan-figure");
  if (!figure || !document.body.classList.contains("report")) return;
  var buttons = Array.prototype.slice.call(document.querySelectorAll(".zoom button"));
  window.noriaPlan.attach(figure);
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      buttons.forEach(function (other) { other.setAttribute("aria-pressed", String(other === button)); });
      window.noriaPlan.show(figure, Number(button.dataset.hours));
    });
  });
  document.fonts.ready.then(function () { return window.Plotly.redraw(figure); }).then(function () {
    return window.noriaPlan.refit(figure);
  });
  window.addEventListener("beforeprint", function () { window.Plotly.Plots.resize(figure); });
  window.addEventListener("afterprint", function () { window.Plotly.Plots.resize(figure); });
})();
