use std::sync::{Arc, Mutex};
use std::time::Duration;
#[test]
fn try_it() {
    let found = raddle::Explore::new().seeds(0..200).run(|| async {
        let n = Arc::new(Mutex::new(0));
        let hs: Vec<_> = (0..3).map(|i| { let n = n.clone(); raddle::task("deposit").spawn(async move {
            let r = *n.lock().unwrap();
            raddle::sleep(Duration::from_millis(i)).await;
            raddle::yield_now().await;
            *n.lock().unwrap() = r + 1;
            let x = raddle::unblock(move || { raddle::thread::sleep(Duration::from_millis(3)); 7 + i }).await;
            raddle::note!("got {x}");
        })}).collect();
        for h in hs { h.await }
        assert_eq!(*n.lock().unwrap(), 3, "lost");
    });
    println!("{found}");
    let r = raddle::Sim::new().seed(3).run(|| async {
        let (tx, rx) = async_channel::bounded::<u32>(1);
        let t = raddle::spawn(async move { rx.recv().await });
        t.await;
        drop(tx);
    });
    println!("{r}");
}
