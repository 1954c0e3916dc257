// Runs wherever scripts run at all. It puts on <html> what was chosen in the settings, before anything is drawn, and says
// why the page does not start, where modules cannot.
(() => {
  // Storage can be forbidden in a sandboxed frame.
  try {
    for (const name of ["theme", "size", "density", "motion", "explain"]) {
      const value = localStorage.getItem(`podhop.${name}`);
      if (value) document.documentElement.dataset[name] = value;
    }
  } catch {}

  const say = (text, link) => {
    const boot = document.getElementById("boot");
    if (!boot) return;
    const line = boot.querySelector("p");
    line.setAttribute("role", "alert");
    line.textContent = text;
    const act = document.createElement("a");
    act.href = location.href;
    act.textContent = link;
    if (link !== "Reload the page") act.target = "_blank";
    act.rel = "noopener";
    line.append(" ", act);
    if (!act.target) return;
    // A sandbox may forbid popups, too.
    const address = document.createElement("code");
    address.textContent = location.href;
    line.append(" ", address);
  };

  globalThis.podhopFailed = (why) =>
    typeof WebAssembly === "object"
      ? say(`podhop could not start: ${why}.`, "Reload the page")
      : say("podhop could not start: this browser has WebAssembly switched off for this page.", "Reload the page");

  // A module, or one that it imports, could not be had.
  addEventListener(
    "error",
    ({ target }) => {
      if (target?.type !== "module") return;
      // Without an origin of its own a frame gets modules only from a host that offers them to everyone.
      if (origin === "null") {
        say("podhop cannot run in this frame: its host does not send Access-Control-Allow-Origin: *.", "Open it in a tab");
      } else {
        globalThis.podhopFailed("its files could not be fetched");
      }
    },
    true,
  );
})();
