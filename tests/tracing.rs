//! With the `tracing` feature, events inside a run carry task and virtual time.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Notes each event with the fields of the spans around it.
struct Notes(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "seed" {
            self.0 += &format!("{}={value:?} ", field.name());
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Notes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0 += &fields.0;
            }
        }
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0.trim_end().to_string());
    }
}

#[test]
fn events_carry_task_and_virtual_time() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Notes(notes.clone()));
    // For all threads: a run has threads of its own.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let report = raddle::Sim::new().run(|| async {
        raddle::task("ping")
            .spawn(async {
                raddle::sleep(Duration::from_millis(5)).await;
                tracing::info!("pong");
            })
            .await;
        raddle::task("parse").unblock(|| tracing::info!("parsed")).await;
    });
    report.unwrap();
    let notes = notes.lock().unwrap();
    assert_eq!(*notes, ["task=ping at=5 ms message=pong", "task=parse at=5 ms message=parsed"]);
}
