//! What `top` costs those whom it shows: a program beside a fork bomb is measured with `top` running and without.
//!
//! Both runs are scripts under icount, so the figures are exact and the same on every machine: the difference is what
//! `top` did, and nothing else.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use image::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use tests::demonstration::number_between;

/// The most by which `top` may slow its neighbour down, in per cent.
const MOST: f64 = 2.0;
/// What the neighbour does, in rounds of a million instructions; more than the pictures that are taken take seconds.
const ROUNDS: u32 = 5000;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    arguments.quiet = false;
    let trial = Trial::test(
        "top::the_neighbour_of_a_bomb_is_not_slowed_down_by_more_than_2_per_cent",
        compare,
    );
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

fn compare() -> Result<(), Failed> {
    let alone = instructions("sleep 4", "alone")?;
    let shown = instructions("top 5", "shown")?;
    let more = (shown / alone - 1.0) * 100.0;
    println!("top: {alone} instructions without, {shown} with it: {more:.3} % more");
    if more > MOST {
        return Err(format!("{alone} instructions without, {shown} with: {more:.3} % more").into());
    }
    Ok(())
}

/// What the neighbour takes while the console does something.
fn instructions(meanwhile: &str, name: &str) -> Result<f64, Failed> {
    let script = format!(
        "mkdir /cgroup/demo/bomb/pen\n\
         echo 8 > /cgroup/demo/bomb/pen/pids.max\n\
         mkdir /cgroup/demo/bomb/near\n\
         spawn -g pen bomb\n\
         sleep 100ms\n\
         W = spawn -g near worker {ROUNDS}\n\
         {meanwhile}\n\
         cat /cgroup/demo/bomb/pen/pids.current\n\
         expect 8\n\
         wait $W\n\
         expect exited with code 0\n\
         kill -g pen\n\
         audit\n"
    );
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("top-{name}.hurdle"));
    std::fs::write(&path, script).map_err(|error| format!("{}: {error}", path.display()))?;
    let output = Command::new(Workspace::here().root().join("image/boot"))
        .arg("--script")
        .arg(&path)
        // As if a person typed it, without what Cargo tells its tests.
        .env_remove("CARGO_MANIFEST_DIR")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("image/boot: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}\n{said}\n{complaint}", output.status).into());
    }
    let last = said
        .lines()
        .rfind(|line| line.contains(&format!("round {ROUNDS} of {ROUNDS}")))
        .ok_or_else(|| format!("the neighbour said nothing at its end:\n{said}"))?;
    number_between(last, &format!("of {ROUNDS}, "), " instructions")
        .ok_or_else(|| format!("no figure in {last:?}").into())
}
