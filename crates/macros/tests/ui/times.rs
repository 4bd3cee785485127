#[raddle::test(stall_up_to = 5)]
async fn number() {}

#[raddle::test(stall_up_to = "5")]
async fn no_unit() {}

#[raddle::test(stall_up_to = "5 min")]
async fn unknown_unit() {}

#[raddle::test(stall_up_to = "1.5ms")]
async fn fraction() {}

#[raddle::test(stall_up_to = "0ms")]
async fn nothing() {}

#[raddle::test(watchdog = "99999999999s")]
async fn too_long() {}

fn main() {}
