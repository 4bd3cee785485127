//! The page in a real browser, and the trace for Perfetto.

use crate::run::{raddle, results};
use crate::yard::yard;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A browser; none is a failure where `TEST_CHROMIUM` is set, as it is in .ci/run.
fn chromium() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
    let found = names.into_iter().find(is_there);
    assert!(found.is_some() || std::env::var_os("TEST_CHROMIUM").is_none(), "no browser: install chromium");
    if found.is_none() {
        eprintln!("NOT TESTED: the timeline page in a browser. Install chromium (Debian: apt-get install chromium).");
    }
    found
}

/// The page of a run.
fn page(dir: &Path, scenario: &str, seed: &str) -> PathBuf {
    let path = dir.join(format!("{scenario}.html"));
    let words = ["timeline", scenario, seed, "-o", path.to_str().unwrap()];
    raddle(yard(), &words).ends(0).says(&["Drew ", &path.display().to_string()]);
    path
}

/// Opens a page in the browser, lets `script` act on it, and gives what it left in the document. The script says
/// `check("what", condition)`; every one must hold, and nothing may be complained of in the console.
fn act(browser: &str, page: &Path, script: &str) {
    const WATCH: &str = r#"<script>
        // Nobody looks at a page without a window: it would be drawn when it pleases.
        window.requestAnimationFrame = (draw) => setTimeout(() => draw(0), 1);
        window.failed = [];
        window.checks = 0;
        window.check = (what, holds) => { window.checks++; if (!holds) window.failed.push(what); };
        addEventListener("error", (event) => window.failed.push("error: " + event.message));
        addEventListener("securitypolicyviolation", (event) => window.failed.push("refused: " + event.blockedURI));
        console.error = console.warn = (...words) => window.failed.push("console: " + words.join(" "));
        </script>"#;
    const ACT: &str = r#"<script>
        const frame = () => new Promise((go) => setTimeout(go, 20));
        const key = async (key) => {
            document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            await frame();
        };
        const state = document.body.dataset;
        const canvas = document.getElementById("canvas");
        const told = () => document.getElementById("matches").textContent;
        const details = () => document.getElementById("details").textContent;
        const find = async (text) => {
            const box = document.getElementById("search");
            box.value = text;
            box.dispatchEvent(new Event("input"));
            await frame();
        };
        const click = async (x, y) => {
            const box = canvas.getBoundingClientRect();
            const at = { clientX: box.left + x, clientY: box.top + y, pointerId: 1, bubbles: true };
            canvas.setPointerCapture = () => {};
            canvas.dispatchEvent(new PointerEvent("pointerdown", at));
            canvas.dispatchEvent(new PointerEvent("pointerup", at));
            await frame();
        };
        const wheel = async (deltaY) => {
            canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, clientX: 600, clientY: 200, cancelable: true }));
            await frame();
        };
        /// Whether anything of this colour (a variable of the style) is on the canvas.
        const shows = (name) => {
            const probe = document.createElement("canvas").getContext("2d");
            probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
            probe.fillRect(0, 0, 1, 1);
            const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
            const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            for (let i = 0; i < all.length; i += 4) {
                if (all[i] === r && all[i + 1] === g && all[i + 2] === b) return true;
            }
            return false;
        };
        (async () => {
            await frame();
            SCRIPT
            document.body.dataset.checks = window.checks;
            document.body.dataset.failed = JSON.stringify(window.failed);
        })().catch((error) => { document.body.dataset.failed = "the script broke: " + error; });
        </script>"#;
    let text = fs::read_to_string(page).unwrap();
    let text = text.replacen("<head>", &format!("<head>{WATCH}"), 1);
    let text = text.replacen("</body>", &format!("{}</body>", ACT.replace("SCRIPT", script)), 1);
    let acted = page.with_extension("acted.html");
    fs::write(&acted, text).unwrap();
    let profile = page.with_extension("profile");
    let mut command = Command::new(browser);
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.display())).arg("--virtual-time-budget=60000");
    let output = command.arg(format!("file://{}", acted.display())).output().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let wanted = script.matches("check(").count();
    let body = dom.split("<body").nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default().to_string();
    assert!(body.contains("data-failed=\"[]\""), "{body}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(body.contains(&format!("data-checks=\"{wanted}\"")), "all {wanted} checks were made: {body}");
}

#[test]
fn the_page_works() {
    let Some(browser) = chromium() else { return };
    let dir = results();
    let page = page(dir.path(), "leaks", "3");
    act(
        browser,
        &page,
        r#"
        check("it is drawn", state.ready === "yes" && Number(state.events) > 15);
        check("a leak is red", shows("--bad"));
        dispatchEvent(new Event("resize"));
        check("it is drawn at once when its size is set", shows("--bad"));
        check("nothing is selected", state.selected === "-1");
        check("the head tells the failure", document.getElementById("verdict").textContent.includes("blocks the loop"));
        check("no markup came from the run", document.querySelectorAll("main b, section b").length === 0);
        const fit = Number(state.scale);
        await key("+");
        check("plus zooms in", Number(state.scale) > fit);
        await key("0");
        check("nought shows all", Math.abs(Number(state.scale) - fit) < 0.01);
        await wheel(-200);
        check("the wheel zooms in", Number(state.scale) > fit);
        await wheel(400);
        await key("0");
        await find("tick 1");
        check("one note matches", state.matches === "1");
        await key("n");
        check("the match is opened", details().includes("notes: tick 1 <b>&amp;</b><" + "/script>"));
        check("and told which it is", told() === "1 of 1");
        check("with its place", details().includes("odd/tests/workers.rs:"));
        await find("no such thing");
        check("nothing matches", state.matches === "0" && told() === "no match");
        await key("Escape");
        await key("l");
        check("the leak is opened", details().includes("BLOCKS THE LOOP: thread::sleep 3 ms"));
        check("with its stack", details().includes("workers::leaks::") && details().includes("stack:"));
        const leak = Number(state.selected);
        await key("ArrowRight");
        check("the event behind it", Number(state.selected) === leak + 1);
        await key("Home");
        check("the first event", state.selected === "0");
        await key("End");
        check("the last event", Number(state.selected) === Number(state.events) - 1);
        await key("w");
        check("who woke it", Number(state.selected) < Number(state.events) - 1);
        await key("0");
        await click(152, 85);
        check("a click opens the first event", state.selected === "0" && details().includes("scenario"));
        await click(20, 85);
        check("a click beside closes it", state.selected === "-1");
        await key("t");
        check("a row for each thread", state.rows === "threads");
        check("the legend is there", document.getElementById("legend").children.length === 5);
        await key("?");
        check("the keys are told", document.getElementById("keys").open);
        document.getElementById("keys").close();
        location.hash = "event=3";
        await frame();
        await frame();
        check("an address opens an event", state.selected === "2");
        "#,
    );
}

#[test]
fn the_page_bears_many_events() {
    let Some(browser) = chromium() else { return };
    let dir = results();
    let page = page(dir.path(), "long", "0");
    let text = fs::read_to_string(&page).unwrap();
    act(
        browser,
        &page,
        r#"
        check("ten thousand and more", Number(state.events) > 10000);
        check("all of it fits", Number(state.scale) < 0.2);
        await find("done");
        check("searched", Number(state.matches) >= 8);
        await key("n");
        check("and opened", details().includes("done"));
        await key("d");
        check("deviations are marked", shows("--star"));
        "#,
    );
    // The same events over again: a hundred thousand of them.
    let data = text.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let mut run: Value = serde_json::from_str(data).unwrap();
    let events = run["events"].as_array().unwrap().clone();
    let many: Vec<Value> = events.iter().cycle().take(100_000).cloned().collect();
    run["events"] = many.into();
    let large = dir.path().join("large.html");
    let unmarked = run.to_string().replace('<', "\\u003c");
    fs::write(&large, text.replacen(data, &unmarked, 1)).unwrap();
    act(
        browser,
        &large,
        r#"
        check("a hundred thousand", state.events === "100000");
        for (let n = 0; n < 30; n++) await key("+");
        check("zoomed in", Number(state.scale) > 100);
        await key("0");
        await find("pending");
        await key("n");
        check("searched", Number(state.matches) > 50000);
        await key("t");
        await key("End");
        check("went to the end", state.selected === "99999");
        "#,
    );
}

#[test]
fn the_page_has_no_network_and_no_markup_of_the_runs() {
    let dir = results();
    let text = fs::read_to_string(page(dir.path(), "leaks", "3")).unwrap();
    assert!(!text.contains("<b>&amp;amp;") && !text.contains("tick 1 <b>"), "what a test notes is no markup");
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains(" src="));
}

#[test]
fn perfetto_gets_a_slice_for_each_event() {
    let dir = results();
    let path = dir.path().join("trace.json");
    let told =
        raddle(yard(), &["timeline", "leaks", "3", "--perfetto", path.to_str().unwrap(), "--message-format", "json"]);
    let drawn = &told.ends(0).json("timeline")[0];
    let trace: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();
    assert_eq!(of("X").len() as u64, drawn["events"].as_u64().unwrap());
    assert_eq!(of("s").len(), of("f").len(), "an arrow has two ends");
    assert!(!of("s").is_empty() && of("X").iter().any(|slice| slice["cat"] == "leak"));
    let lanes: Vec<&Value> = of("M").into_iter().filter(|m| m["name"] == "thread_name").collect();
    assert_eq!(lanes[0]["args"]["name"], "loop");
    assert_eq!(lanes[1]["args"]["name"], "worker-1");
}
