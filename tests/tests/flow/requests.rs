//! What is sent to CodeDeploy, against moto's idea of CodeDeploy: it knows how
//! deployments are created and read, not how they run.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::{ComputePlatform, RevisionLocationType};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shift::aws::CodeDeploy;
use shift::{Deployments, Order};
use sluice_domain::codedeploy::{DeploymentGroup, Mark, Status};
use sluice_local::workspace::Workspace;
use sluice_tests::repository;

/// moto's server, for as long as a test runs.
struct Moto {
    server: Child,
    endpoint: String,
}

impl Moto {
    fn start() -> Self {
        let workspace = Workspace::at(&repository()).expect("the checkout");
        let program = workspace.tool("moto", "moto_server");
        let program = program.unwrap_or_else(|error| panic!("{error}; run `make moto`"));
        let mut server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto is started");
        let said = server.stderr.take().expect("what it says");
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let endpoint = lines.find_map(|line| {
            let (_, address) = line.split_once("Running on ")?;
            Some(address.trim().to_owned())
        });
        // Whoever stops reading it would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            server,
            endpoint: endpoint.expect("moto says where it listens"),
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn group() -> DeploymentGroup {
    DeploymentGroup {
        application: "shop".to_owned(),
        deployment_group: "checkout-prod".to_owned(),
    }
}

async fn with_group(moto: &Moto) -> (Client, CodeDeploy) {
    let config = sluice_local::engine::sdk_config(&moto.endpoint);
    let client = Client::new(&config);
    let application = client
        .create_application()
        .application_name("shop")
        .compute_platform(ComputePlatform::Lambda);
    application.send().await.expect("an application");
    let group = client
        .create_deployment_group()
        .application_name("shop")
        .deployment_group_name("checkout-prod")
        .service_role_arn("arn:aws:iam::123456789012:role/deploys");
    group.send().await.expect("a deployment group");
    (client, CodeDeploy::new(&config))
}

fn mark(text: &str) -> Mark {
    text.parse().expect("a mark")
}

#[tokio::test]
#[ignore = "needs moto: make test"]
async fn a_deployment_reaches_codedeploy_as_it_was_ordered_and_is_found_again() {
    let moto = Moto::start();
    let (client, codedeploy) = with_group(&moto).await;
    let order = Order {
        group: group(),
        app_spec: json!({ "version": 0.0 }).to_string(),
        mark: mark("sluice shop/prod/1.4.0/1 function checkout generation 0"),
    };
    let id = codedeploy.create(&order).await.expect("a deployment");

    let told = client.get_deployment().deployment_id(&id).send().await;
    let info = told.expect("an answer").deployment_info.expect("its facts");
    assert_eq!(
        info.description().map(str::parse),
        Some(Ok(order.mark.clone()))
    );
    let revision = info.revision().expect("a revision");
    assert_eq!(
        revision.revision_type(),
        Some(&RevisionLocationType::AppSpecContent)
    );
    let content = revision.app_spec_content().and_then(|it| it.content());
    assert_eq!(content, Some(order.app_spec.as_str()));
    let rollback = info.auto_rollback_configuration().expect("a rollback");
    assert_eq!((rollback.enabled(), rollback.events().len()), (true, 3));

    let found = codedeploy.look(std::slice::from_ref(&id)).await;
    let found = found.expect("an answer");
    assert_eq!(
        (found[0].id.as_str(), found[0].status),
        (id.as_str(), Status::Running)
    );
    let a_day_ago = Timestamp::now() - SignedDuration::from_hours(24);
    let later = mark("sluice shop/prod/1.4.0/1 function checkout generation 7");
    let there = codedeploy.find(&group(), &later, a_day_ago).await;
    assert_eq!(there.expect("an answer"), Some(id));
    let other = mark("sluice shop/prod/1.4.0/1 function cart generation 0");
    let there = codedeploy.find(&group(), &other, a_day_ago).await;
    assert_eq!(there.expect("an answer"), None);
}

#[tokio::test]
#[ignore = "needs moto: make test"]
async fn a_deployment_group_that_is_not_there_is_named_where_it_was_asked_for() {
    let moto = Moto::start();
    let (_, codedeploy) = with_group(&moto).await;
    let order = Order {
        group: DeploymentGroup {
            deployment_group: "cart-prod".to_owned(),
            ..group()
        },
        app_spec: "{}".to_owned(),
        mark: mark("sluice shop/prod/1.4.0/1 function cart generation 0"),
    };
    let fault = codedeploy.create(&order).await.expect_err("no such group");
    assert!(fault.is("DeploymentGroupDoesNotExistException"), "{fault}");
    assert!(fault.to_string().contains("shop/cart-prod"), "{fault}");
}
