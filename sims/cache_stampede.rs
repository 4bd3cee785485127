//! Two requests ask for the same page, the second just as the first one's rendering ends; rendering is
//! slow and runs on the blocking pool. A cache (moka's `future::Cache`) stands in front.
//!
//! The stampede, not the crate's fault: "look in the cache, and if it is not there render and insert"
//! has an `await` between the look and the insert, so a request that looks in between renders again.
//! `get_with` closes the gap: the first caller renders, the others wait for it, and when the first
//! caller gives up half way one of those who wait takes over. `look_then_load` is the first,
//! `load_once` the second.

use moka::future::Cache;
use raddle::{Explore, Found};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

pub fn look_then_load(seeds: Explore) -> Found {
    seeds.run(look_then_load_scenario)
}

pub async fn look_then_load_scenario() {
    let site = Site::default();
    let early = raddle::task("early").spawn(site.clone().look_then_load());
    let late = raddle::task("late").spawn({
        let site = site.clone();
        async move {
            raddle::sleep(RENDERING).await;
            site.look_then_load().await
        }
    });
    assert_eq!([early.await, late.await], ["<h1>home</h1>"; 2]);
    assert_eq!(site.rendered(), 1, "the page was rendered more than once");
}

pub fn load_once(seeds: Explore) -> Found {
    seeds.run(load_once_scenario)
}

pub async fn load_once_scenario() -> String {
    let site = Site::default();
    let hasty = raddle::task("hasty").spawn({
        let site = site.clone();
        async move { raddle::timeout(RENDERING, site.load_once()).await.is_ok() }
    });
    let patient = [1, 2].map(|_| raddle::task("patient").spawn(site.clone().load_once()));

    let served = hasty.await;
    for request in patient {
        assert_eq!(request.await, "<h1>home</h1>");
    }
    // Only a caller that gave up with the rendering in its hands makes a second one necessary.
    assert!(site.rendered() == 1 || !served, "the page was rendered more than once");
    format!("hasty was served: {served}, rendered: {}", site.rendered())
}

const RENDERING: Duration = Duration::from_millis(20);

#[derive(Clone)]
struct Site {
    cache: Cache<&'static str, &'static str>,
    rendered: Arc<AtomicUsize>,
}

impl Default for Site {
    fn default() -> Site {
        Site { cache: Cache::new(10), rendered: Arc::default() }
    }
}

impl Site {
    async fn look_then_load(self) -> &'static str {
        if let Some(page) = self.cache.get("home").await {
            return page;
        }
        let page = self.render().await;
        self.cache.insert("home", page).await;
        page
    }

    async fn load_once(self) -> &'static str {
        self.cache.get_with("home", self.render()).await
    }

    async fn render(&self) -> &'static str {
        let rendered = self.rendered.clone();
        raddle::task("render")
            .unblock(move || {
                raddle::thread::sleep(RENDERING);
                rendered.fetch_add(1, Relaxed);
                "<h1>home</h1>"
            })
            .await
    }

    fn rendered(&self) -> usize {
        self.rendered.load(Relaxed)
    }
}
