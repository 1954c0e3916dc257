// The page as tests speak of it. What it must expose for them:
//   <html data-podhop-ready="1">      the first picture is drawn
//   <html data-podhop-flow="done">    the first flow has finished playing
//   <html data-podhop-revision="N">   grows with every accepted edit
//   one text box named "Manifests"    the editor: a textarea, or CodeMirror when its chunk has come
export class PodhopPage {
  constructor(page) {
    this.page = page;
    this.problems = [];
    this.hosts = new Set();
    this.editor = page.getByRole("textbox", { name: "Manifests" });
    this.terminal = page.getByRole("textbox", { name: "Command" });
    this.output = page.getByRole("log", { name: "Output" });
    this.problemList = page.getByRole("region", { name: "Problems" });
    this.presentStep = page.locator('.step-head[aria-current="step"]');
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.problems.push(`uncaught: ${error.message}`));
    page.on("requestfailed", (request) => {
      // A page that is left gives up what it is still fetching.
      const error = request.failure()?.errorText;
      if (error !== "net::ERR_ABORTED") this.problems.push(`failed: ${request.url()} ${error}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.problems.push(`${response.status()}: ${response.url()}`);
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http")) this.hosts.add(url.host);
    });
  }

  /** Opens the page at an address (the tested site's by default) and waits for the first picture. */
  async open(address = "./") {
    await this.page.addInitScript(() => {
      globalThis.cspViolations = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        globalThis.cspViolations.push(`${event.violatedDirective}: ${event.blockedURI || event.sourceFile}`);
      });
    });
    await this.page.goto(address);
    await this.ready();
  }

  async ready() {
    await this.page.locator("html[data-podhop-ready]").waitFor({ state: "attached" });
  }

  /** Waits until the first flow has played to its end. */
  async flowPlayed() {
    await this.page.locator('html[data-podhop-flow="done"]').waitFor({ state: "attached", timeout: 60_000 });
  }

  tab(name) {
    return this.page.getByRole("tab", { name });
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** Types a line into the terminal. */
  async run(line) {
    await this.terminal.fill(line);
    await this.terminal.press("Enter");
  }

  async revision() {
    return Number(await this.page.locator("html").getAttribute("data-podhop-revision"));
  }

  /** The text in the editor. */
  manifests() {
    return this.editor.evaluate((element) => element.value ?? element.getRootNode().host.value);
  }

  /** Puts a text into the editor as if it were typed; the focus comes with it. */
  async write(text) {
    await this.editor.focus();
    await this.editor.evaluate((element, text) => {
      const field = "value" in element ? element : element.getRootNode().host;
      field.value = text;
      field.dispatchEvent(new Event("input"));
    }, text);
  }

  editorFocused() {
    return this.editor.evaluate((element) => element.getRootNode().activeElement === element);
  }

  /** Turns to the editor and waits until CodeMirror is there. */
  async richEditor() {
    await this.editor.focus();
    await this.page.locator(".rich").waitFor({ timeout: 30_000 });
  }

  /** Changes the manifests and waits until the cluster has taken the change; gives the new revision. */
  async edit(change) {
    const before = await this.revision();
    await this.write(change(await this.manifests()));
    await this.page.waitForFunction(
      (revision) => Number(document.documentElement.dataset.podhopRevision) > revision,
      before,
    );
    return this.revision();
  }

  cspViolations() {
    return this.page.evaluate(() => globalThis.cspViolations);
  }
}
