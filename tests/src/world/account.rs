//! Other accounts and regions, with the role through which Sluice enters and the bucket
//! from which Lambda takes code there.

use aws_config::Region;
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, ChecksumMode, VersioningConfiguration};
use serde_json::{Value, json};

use super::World;
use super::permissions::{create, policy};

impl World {
    /// This application in another account and region, and the settings' `role` that
    /// leads there. It may do there what environments in other accounts ask for, and
    /// lets in nobody but this application.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn in_account(&self, account: &str, region: &str) -> (Self, Value) {
        // To the engine, a key of twelve digits is an account's root user.
        let credentials = Credentials::new(account, account, None, None, "sluice-tests");
        let config = self.config.to_builder();
        let config = config
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::new(region.to_owned()))
            .build();
        let external_id = format!("sluice-{}", self.unique);
        let bucket = format!("storefront-{}-{account}-{region}", self.unique);
        let arn = |of: &str| json!({ "Value": { "Fn::GetAtt": [of, "Arn"] } });
        let template = json!({
            "Resources": {
                "Role": self.role_for(&external_id, &bucket),
                "Code": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": bucket } },
            },
            "Outputs": { "Role": arn("Role") },
        });
        let created = create(&config, &self.application, &template).await;
        let role = created.outputs().first();
        let role = role.and_then(|role| role.output_value());
        let role = role.expect("the role's ARN").to_owned();
        let settings = json!({
            "arn": role,
            "external_id": external_id,
            "region": region,
            "bucket": bucket,
        });
        let there = Self {
            application: self.application.clone(),
            reader: self.reader.clone(),
            resources: self.resources.clone(),
            environment: self.environment.clone(),
            unique: self.unique.clone(),
            config,
            role,
            steps: std::sync::Mutex::default(),
        };
        (there, settings)
    }

    /// The role, as the documentation has it.
    fn role_for(&self, external_id: &str, bucket: &str) -> Value {
        let sluice = json!({ "AWS": "arn:aws:iam::000000000000:root" });
        let application = json!({ "aws:RequestTag/sluice:application": self.application });
        let mut enters = application.clone();
        enters["sts:ExternalId"] = json!(external_id);
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Principal": sluice, "Action": "sts:AssumeRole", "Condition": { "StringEquals": enters } },
                { "Effect": "Allow", "Principal": sluice, "Action": "sts:TagSession", "Condition": { "StringEquals": application } },
            ],
        });
        let bucket = format!("arn:aws:s3:::{bucket}");
        let code = policy(json!({
            "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
            "Resource": format!("{bucket}/{}/*", self.application),
        }));
        let look = policy(json!({ "Action": "s3:ListBucket", "Resource": bucket }));
        let release = policy(json!({
            "Action": ["lambda:*", "cloudwatch:GetMetricData"],
            "Resource": "*",
        }));
        let images = policy(json!({
            "Action": ["ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": format!("arn:aws:ecr:*:*:repository/sluice-managed-{}", self.unique),
        }));
        let policies = [
            ("code", code),
            ("look", look),
            ("images", images),
            ("release", release),
        ];
        let policies = policies
            .map(|(name, document)| json!({ "PolicyName": name, "PolicyDocument": document }));
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": format!("sluice-managed-{}", self.unique),
                "AssumeRolePolicyDocument": trust,
                "Policies": policies,
            },
        })
    }

    /// Creates a bucket that no role of this application may use, and answers its name.
    pub async fn closed_bucket(&self) -> String {
        let bucket = format!("storefront-{}-closed", self.unique);
        let code = json!({ "Type": "AWS::S3::Bucket", "Properties": { "BucketName": bucket } });
        let template = json!({ "Resources": { "Code": code } });
        create(&self.config, &bucket, &template).await;
        bucket
    }

    /// Has a bucket keep versions.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn keep_versions(&self, bucket: &str) {
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let request = self.s3().put_bucket_versioning().bucket(bucket);
        let request = request.versioning_configuration(versioning.build());
        request.send().await.expect("versioning is turned on");
    }

    /// The keys of a bucket, once for each version of an object.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn versions_in(&self, bucket: &str) -> Vec<String> {
        let request = self.s3().list_object_versions().bucket(bucket);
        let found = request.send().await.expect("versions are listed");
        let keys = found.versions().iter().filter_map(|version| version.key());
        keys.map(str::to_owned).collect()
    }

    /// The SHA-256 that S3 keeps beside an object, in base64.
    ///
    /// # Panics
    /// When there is no such object.
    pub async fn checksum_of(&self, bucket: &str, key: &str) -> Option<String> {
        let request = self.s3().head_object().bucket(bucket).key(key);
        let request = request.checksum_mode(ChecksumMode::Enabled);
        let head = request.send().await;
        let head = head.unwrap_or_else(|error| panic!("looking at {bucket}/{key}: {error:?}"));
        head.checksum_sha256
    }

    /// Puts another content in an object's place.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn replace(&self, bucket: &str, key: &str, bytes: Vec<u8>) {
        let request = self.s3().put_object().bucket(bucket).key(key);
        let request = request.body(ByteStream::from(bytes));
        request.send().await.expect("the object is replaced");
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }
}
