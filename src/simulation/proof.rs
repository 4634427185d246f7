//! Proves that the simulation finds what is wrong: builds it once with each bug of `tests/mutants`, and has it hunt for the
//! promise that the bug breaks. The program without bugs goes first, and must break none.

pub mod mutant;

use mutant::{Mutant, Sources};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long new seeds may take to find a bug, on one core.
const SECONDS: u64 = 60;
/// How much later a hunt has ended, unless the bug keeps a plan from ending.
const GRACE: Duration = Duration::from_secs(60);

/// What came of a hunt.
struct Catch {
    is_found: bool,
    /// The last line that the hunt printed: when and where, and which promise.
    text: String,
}

/// Proves it with these mutants, or with all. Returns whether all were found.
///
/// # Errors
/// If a mutant does not apply, or the program does not build with it.
pub fn prove(names: &[String]) -> Result<bool, String> {
    let all = mutants()?;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|mutant| mutant.name != **name)) {
        return Err(format!("there is no tests/mutants/{unknown}.mutant"));
    }
    let asked = all.into_iter().filter(|mutant| names.is_empty() || names.contains(&mutant.name));
    let asked: Vec<Mutant> = asked.collect();
    let sources = sources()?;
    build(&sources, "unchanged")?;
    let unchanged = hunt("unchanged", "any", None)?;
    println!("unchanged: {}", unchanged.text);
    if unchanged.is_found {
        return Err("the program without bugs breaks a promise".to_owned());
    }
    let mut missed = Vec::new();
    let mut table = vec!["| bug | its plan | new seeds |".to_owned(), "|---|---|---|".to_owned()];
    for mutant in &asked {
        let mut mutated = sources.clone();
        mutant.apply(&mut mutated).map_err(|error| format!("{}: {error}", mutant.name))?;
        build(&mutated, &mutant.name)?;
        let breaks = mutant.breaks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let by_plan =
            mutant.plan.as_ref().map(|plan| hunt(&mutant.name, &breaks, Some(&plan_path(plan)))).transpose()?;
        let by_seeds = hunt(&mutant.name, &breaks, None)?;
        let told = by_plan.as_ref().map_or("none", |catch| catch.text.as_str());
        println!("{}\n    plan:  {told}\n    seeds: {}", mutant.name, by_seeds.text);
        table.push(format!("| {} | {told} | {} |", mutant.name, by_seeds.text));
        // The plan of a bug must find it; without one, new seeds must.
        if !by_plan.unwrap_or(by_seeds).is_found {
            missed.push(mutant.name.as_str());
        }
    }
    println!("\n{}\n", table.join("\n"));
    match missed[..] {
        [] => println!("all {} bugs were found", asked.len()),
        _ => println!("NOT FOUND: {}", missed.join(", ")),
    }
    Ok(missed.is_empty())
}

/// All mutants, by name.
///
/// # Errors
/// If one cannot be read.
pub fn mutants() -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    for path in files(&root().join("tests/mutants"))? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        mutants.push(Mutant::parse(&name, &read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    Ok(mutants)
}

/// All that the program is built from.
///
/// # Errors
/// If something cannot be read.
pub fn sources() -> Result<Sources, String> {
    let mut paths: Vec<PathBuf> = ["Cargo.toml", "Cargo.lock", "build.rs"].map(|file| root().join(file)).into();
    // Cargo asks for the bench that Cargo.toml names.
    for folder in ["src", "benches"] {
        paths.extend(files(&root().join(folder))?);
    }
    let named = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
        Ok((name, read(&path)?))
    };
    paths.into_iter().map(named).collect()
}

pub fn plan_path(plan: &str) -> PathBuf {
    root().join(format!("tests/plans/{plan}.plan"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn scratch() -> PathBuf {
    root().join("target/proof")
}

/// Every file in the folder and below, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(about(folder))? {
        let path = entry.map_err(about(folder))?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(about(path))
}

fn about(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Makes the copy equal to these sources, and builds it. A file that stays the same is not written, so that only what a
/// mutant changes is built again.
fn build(sources: &Sources, name: &str) -> Result<(), String> {
    let copy = scratch().join("source");
    fs::create_dir_all(&copy).map_err(about(&copy))?;
    for path in files(&copy)? {
        let is_wanted = path.strip_prefix(&copy).is_ok_and(|file| sources.contains_key(&*file.to_string_lossy()));
        if !is_wanted {
            fs::remove_file(&path).map_err(about(&path))?;
        }
    }
    for (file, text) in sources {
        let path = copy.join(file);
        if fs::read_to_string(&path).is_ok_and(|there| there == *text) {
            continue;
        }
        let folder = path.parent().unwrap_or(&copy);
        fs::create_dir_all(folder).map_err(about(folder))?;
        fs::write(&path, text).map_err(about(&path))?;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--profile", "simulation", "--features", "simulation", "--bin", "simulate"];
    let status = Command::new(cargo)
        .args(arguments)
        .arg("--target-dir")
        .arg(scratch().join("target"))
        .current_dir(&copy)
        .env("CARGO_PROFILE_SIMULATION_INCREMENTAL", "true")
        .env("CARGO_PROFILE_SIMULATION_CODEGEN_UNITS", "64")
        .env("RUSTFLAGS", "--allow=warnings")
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} does not build: {status}")),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

/// Has the program that was built last look for these promises: in a plan, or else in new seeds.
fn hunt(name: &str, breaks: &str, plan: Option<&Path>) -> Result<Catch, String> {
    let program = scratch().join("target/simulation/simulate");
    let told = scratch().join(format!("{name}.log"));
    let output = File::create(&told).map_err(about(&told))?;
    let errors = scratch().join(format!("{name}.errors"));
    let error_output = File::create(&errors).map_err(about(&errors))?;
    let mut command = Command::new(&program);
    command.args(["hunt", &SECONDS.to_string(), breaks]).args(plan).stdout(output).stderr(error_output);
    let mut child = command.spawn().map_err(about(&program))?;
    let until = Instant::now() + Duration::from_secs(SECONDS) + GRACE;
    let status: Option<ExitStatus> = loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < until => sleep(Duration::from_millis(20)),
            Ok(None) => {
                _ = child.kill();
                _ = child.wait();
                break None;
            }
            Ok(status) => break status,
            Err(error) => return Err(about(&program)(error)),
        }
    };
    let Some(status) = status else { return Ok(Catch { is_found: false, text: "it did not end".to_owned() }) };
    match (status.code(), read(&told)?.lines().last()) {
        (Some(code @ (0 | 1)), Some(line)) => Ok(Catch { is_found: code == 1, text: line.to_owned() }),
        _ => Err(format!("{name}: the hunt failed, see {}", errors.display())),
    }
}
