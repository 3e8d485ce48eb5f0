//! Container images, as a build server pushes them.

use aws_sdk_lambda::types::{FunctionCode, PackageType};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use sluice_domain::digest::Digest;

use super::World;
use crate::registry::{Registry, Stored};
use crate::text;

/// An image in a repository.
pub struct Image {
    /// The repository's name.
    pub repository: String,
    /// The repository, as manifests name it.
    pub uri: String,
    /// The image's digest.
    pub digest: String,
}

/// The manifest of an image with this configuration and no layers.
fn manifest_of(configuration: &[u8]) -> String {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": configuration.len(),
            "digest": Digest::of(configuration),
        },
        "layers": [],
    });
    manifest.to_string()
}

impl World {
    /// Pushes an image with this configuration under tags into a repository that is this
    /// application's, and that it creates.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn push_image(&self, configuration: &[u8], tags: &[&str]) -> Image {
        let client = aws_sdk_ecr::Client::new(&self.config);
        let repository = format!("sluice-managed-{}", self.unique);
        let created = client.create_repository().repository_name(&repository);
        let created = created.send().await.expect("a repository");
        let created = created.repository().expect("the repository");
        self.owned(&repository).await;
        let digest = self.push_into(&repository, configuration, tags).await;
        let uri = created.repository_uri().expect("its URI");
        // An engine may add its own port.
        let uri = uri.rsplit_once('/').map_or(uri, |(host, _)| host);
        let host = uri.split(':').next().unwrap_or(uri);
        Image {
            uri: format!("{host}/{repository}"),
            digest,
            repository,
        }
    }

    /// Pushes an image with this configuration under tags; says its digest.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn push_into(&self, repository: &str, configuration: &[u8], tags: &[&str]) -> String {
        let client = aws_sdk_ecr::Client::new(&self.config);
        let manifest = manifest_of(configuration);
        for tag in tags {
            let image = client.put_image().repository_name(repository);
            image
                .image_manifest(&manifest)
                .image_tag(*tag)
                .send()
                .await
                .expect("the image is pushed");
        }
        Digest::of(manifest.as_bytes()).to_string()
    }

    /// Pushes an index of no images under a tag; says its digest.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn push_index(&self, repository: &str, tag: &str) -> String {
        let index = r#"{"schemaVersion": 2, "manifests": []}"#;
        aws_sdk_ecr::Client::new(&self.config)
            .put_image()
            .repository_name(repository)
            .image_manifest(index)
            .image_tag(tag)
            .send()
            .await
            .expect("the index is pushed");
        Digest::of(index.as_bytes()).to_string()
    }

    /// A version of `intake` that finds the repository's image in a stand-in for ECR, with
    /// this configuration; says how to call it.
    pub async fn intake_with_registry(&self, image: &Image, configuration: &[u8]) -> String {
        let registry = Registry::open(Stored {
            uri: image.uri.clone(),
            manifest: manifest_of(configuration),
            configuration: configuration.to_vec(),
        });
        let endpoint = registry.await.endpoint;
        let intake = self.resources.intake_function().expect("intake");
        self.published_with(intake, &[("AWS_ENDPOINT_URL_ECR", &endpoint)])
            .await
    }

    /// Says whose images a repository holds.
    async fn owned(&self, repository: &str) {
        aws_sdk_ssm::Client::new(&self.config)
            .put_parameter()
            .name(format!("/sluice-repositories/{repository}"))
            .value(&self.application)
            .r#type(ParameterType::String)
            .send()
            .await
            .expect("the repository's application is written");
    }

    /// Creates a function that runs an image, without an alias.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn create_of_image(&self, environment: &str, function: &str, image: &Image) {
        let uri = format!("{}@{}", image.uri, image.digest);
        self.lambda()
            .create_function()
            .function_name(self.function(environment, function))
            .package_type(PackageType::Image)
            .role(&self.role)
            .code(FunctionCode::builder().image_uri(uri).build())
            .send()
            .await
            .expect("the function is created");
    }

    /// Where Lambda took the image of a function's version from.
    ///
    /// # Panics
    /// When there is no such version, or it runs no image.
    pub async fn image_of(&self, environment: &str, function: &str, version: &str) -> String {
        let request = self.lambda().get_function();
        let request = request.function_name(self.function(environment, function));
        let found = request.qualifier(version).send().await;
        let found = found.expect("the version");
        let uri = found.code().and_then(|code| code.image_uri());
        uri.expect("an image").to_owned()
    }

    /// The event that ECR sends for an image.
    ///
    /// # Panics
    /// When the sample event can't be read.
    #[must_use]
    pub fn ecr_event(&self, image: &Image, tag: &str) -> Value {
        let sample = text("events/intake/ecr-push.json");
        let mut event: Value = serde_json::from_str(&sample).expect("a sample event");
        event["detail"]["repository-name"] = json!(image.repository);
        event["detail"]["image-digest"] = json!(image.digest);
        event["detail"]["image-tag"] = json!(tag);
        event
    }
}
