//! Prints the digests of objects, as the function `verify` computes them where S3 has
//! none: read piece by piece through its own client. `bench/verification` times it.

use std::process::ExitCode;

use verify::aws::S3;
use verify::{Objects as _, Place};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = sluice_platform::aws::config().await;
    let objects = S3::new(&config);
    for key in std::env::args().skip(1) {
        let place = Place {
            bucket: "bench".to_owned(),
            key,
            version_id: "1".to_owned(),
        };
        match objects.hash(&place).await {
            Ok(digest) => println!("{digest}"),
            Err(fault) => {
                eprintln!("error: {fault}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
