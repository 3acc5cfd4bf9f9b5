// Starts the page. A file of its own, because the page's policy allows no inline script.
import start from "{{ easel.js }}";

start({ module_or_path: "{{ easel.wasm }}" }).catch((error) => {
  const boot = document.getElementById("boot");
  boot.textContent = "Easel could not start in this browser. Reload the page, or use a newer browser.";
  boot.hidden = false;
  console.error(error);
});
