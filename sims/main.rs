//! Stories on published crates as they are: services of the kind one writes, ten of them on releases with a real
//! bug that raddle finds, and on releases without it.
//!
//! `stories.rs` is the table; each story is a file of its own. Those about a bug are compiled twice, `before` and
//! `after` its fix. Here each side of each story is a test; `show.rs` prints them: `cargo run --example stories`.

#![allow(clippy::duplicate_mod, reason = "that is the point: one story, two releases")]

mod stories;

use stories::STORIES;

/// One test for each side of each story: what is to be found is found, and nothing else.
macro_rules! tests {
    ($($story:ident: $($side:ident),+;)+) => {
        $(mod $story {
            $(#[test]
            fn $side() {
                let side = super::side(stringify!($story), stringify!($side));
                let found = side.explore(stringify!($story), raddle::Explore::new());
                side.check(&found).unwrap_or_else(|found| panic!("{found}"));
                for failure in found.failures() {
                    raddle::assert_interleaving!(failure.report());
                }
                if found.is_ok() && found.outcomes().len() > 1 {
                    raddle::assert_outcomes!(found);
                }
            })+
        })+

        #[test]
        fn every_side_of_every_story_is_tested() {
            let tested = [$($((stringify!($story), stringify!($side))),+),+];
            let told = STORIES.iter().flat_map(|story| story.sides.iter().map(|side| (story.name, side.name)));
            assert_eq!(told.collect::<Vec<_>>(), tested);
        }
    };
}

#[test]
fn what_is_broken_is_reported_upstream_and_shown_whole() {
    for story in STORIES {
        assert!(!story.about.is_empty() && !story.wrong.is_empty(), "{} tells nothing", story.name);
        assert!(story.upstream.is_none_or(|link| link.starts_with("https://github.com/")), "{}", story.name);
        let is_clean = |side: &stories::Side| side.finds.is_empty();
        assert!(story.elsewhere.is_some() || story.sides.iter().any(is_clean), "{} is never shown whole", story.name);
    }
}

fn side(story: &str, side: &str) -> &'static stories::Side {
    let sides = STORIES.iter().filter(|told| told.name == story).flat_map(|told| told.sides);
    sides.into_iter().find(|told| told.name == side).expect("it is in the table")
}

tests! {
    job_queue: broken, fixed;
    price_feed: broken, fixed;
    hand_over: broken, fixed;
    cancelled_lock: broken, fixed;
    config_reload: broken, fixed;
    chat_order: broken, fixed;
    connection_pool: broken;
    hit_counter: broken;
    log_shipper: broken;
    price_list: futures_locks, async_lock;
    bank: payer_first, lower_first;
    cache_stampede: look_then_load, load_once;
    label_printer: clean;
    quotes: clean;
    thumbnails: as_they_come, in_order;
    upload_limit: clean;
}

/// The same sides as `#[raddle::test]`s, for `cargo raddle` to drive. On the releases with the bug they should fail.
macro_rules! scenarios {
    ($($story:ident { $($(#[$attribute:meta])* $side:ident: $($scenario:ident)::+ => $returns:ty;)+ })+) => {
        mod scenarios {
            use super::STORIES;

            $(mod $story {
                $(#[raddle::test]
                $(#[$attribute])*
                async fn $side() -> $returns {
                    crate::stories::$($scenario)::+().await
                })+
            })+

            #[test]
            fn every_side_of_every_story_is_a_scenario() {
                let here = [$($((stringify!($story), stringify!($side))),+),+];
                let told = STORIES.iter().flat_map(|story| story.sides.iter().map(|side| (story.name, side.name)));
                assert_eq!(told.collect::<Vec<_>>(), here);
            }
        }
    };
}

scenarios! {
    job_queue {
        #[should_panic]
        broken: before::job_queue::scenario => String;
        fixed: after::job_queue::scenario => String;
    }
    price_feed {
        #[should_panic]
        broken: before::price_feed::scenario => ();
        fixed: after::price_feed::scenario => ();
    }
    hand_over {
        #[should_panic]
        broken: before::hand_over::scenario => &'static str;
        fixed: after::hand_over::scenario => &'static str;
    }
    cancelled_lock {
        #[should_panic]
        broken: before::cancelled_lock::scenario => String;
        fixed: after::cancelled_lock::scenario => String;
    }
    config_reload {
        #[should_panic]
        broken: before::config_reload::scenario => String;
        fixed: after::config_reload::scenario => String;
    }
    chat_order {
        #[should_panic]
        broken: before::chat_order::scenario => ();
        fixed: after::chat_order::scenario => ();
    }
    connection_pool {
        #[should_panic]
        broken: before::connection_pool::scenario => String;
    }
    hit_counter {
        #[should_panic]
        broken: before::hit_counter::scenario => ();
    }
    log_shipper {
        #[should_panic]
        broken: before::log_shipper::scenario => &'static str;
    }
    price_list {
        #[should_panic]
        futures_locks: price_list::futures_locks_scenario => String;
        async_lock: price_list::async_lock_scenario => String;
    }
    bank {
        #[should_panic]
        payer_first: bank::payer_first_scenario => ();
        lower_first: bank::lower_first_scenario => ();
    }
    cache_stampede {
        #[should_panic]
        look_then_load: cache_stampede::look_then_load_scenario => ();
        load_once: cache_stampede::load_once_scenario => String;
    }
    label_printer {
        clean: label_printer::scenario => String;
    }
    quotes {
        clean: quotes::scenario => String;
    }
    thumbnails {
        as_they_come: thumbnails::as_they_come_scenario => String;
        in_order: thumbnails::in_order_scenario => String;
    }
    upload_limit {
        clean: upload_limit::scenario => String;
    }
}
