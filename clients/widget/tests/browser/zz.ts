import { launch, serveStub, serveBuilt, visit } from "./support.ts";
const origins = await serveStub();
const browser = await launch();
for (let round = 0; round < 3; round++) {
const visited = await visit(browser, origins, { query: { site: "list" } });
const { page, panel, launcher } = visited;
await launcher.waitFor();
const processor = await page.context().newCDPSession(page);
await processor.send("Emulation.setCPUThrottlingRate", { rate: 4 });
await page.evaluate(`
    window.all = [];
    new PerformanceObserver((list) => {
      for (const { name, duration, interactionId, startTime, processingStart, processingEnd } of list.getEntries())
        if (interactionId) all.push([name, duration, Math.round(processingStart - startTime), Math.round(processingEnd - processingStart), Math.round(startTime+duration-processingEnd)].join(" "));
    }).observe({ type: "event", durationThreshold: 16, buffered: true });
    window.loaf = [];
    new PerformanceObserver((list) => { for (const e of list.getEntries()) loaf.push([Math.round(e.duration), Math.round(e.renderStart-e.startTime), Math.round(e.styleAndLayoutStart-e.startTime), e.scripts.map(s => s.invoker + ' ' + Math.round(s.duration) + ' layout ' + Math.round(s.forcedStyleAndLayoutDuration)).join(' | ')].join(' ; ')) }).observe({type:'long-animation-frame', buffered: true});
`);
await launcher.click();
const field = panel.locator("textarea");
await field.waitFor();
await field.click();
await page.keyboard.type("Where is my lamp?", { delay: 40 });
await page.keyboard.press("Enter");
await panel.locator(".mine .body", { hasText: "Where is my lamp?" }).waitFor();
await panel.getByRole("button", { name: "Menu" }).click();
await panel.getByRole("menuitem").first().click();
await panel.locator(".entry").nth(1).click();
await panel.locator(".body", { hasText: "The invoice" }).waitFor();
console.log(await page.evaluate("all"), await page.evaluate("loaf"));
await visited.close();
}
await browser.close(); origins.close();
