//! Whether a database is on the server that backups are of.

/// The database is on another server than backups are of, as far as names tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`database` leads to host {host}, and its backups are of {server}, which answers at {}; expected one of these, or \
     backups would be of another server than the one that is worked on: mend `host` or `backup` under `database` with \
     `sluice env put`, or set `database.backup.host_is_another_name` where the host is another name of that very server. \
     Nothing was changed",
    if .endpoints.is_empty() { "no endpoint".to_owned() } else { .endpoints.join(", ") }
)]
pub struct OtherServer {
    /// Where sessions are opened.
    pub host: String,
    /// Of what backups are.
    pub server: String,
    /// Where that one answers.
    pub endpoints: Vec<String>,
}

/// Holds the host that sessions are opened to against the endpoints of the server that
/// backups are of.
///
/// # Errors
/// Where it is none of them.
pub fn refuse_other_server(
    host: &str,
    server: &str,
    endpoints: &[String],
) -> Result<(), OtherServer> {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let host = plain(host);
    if endpoints.iter().any(|one| plain(one) == host) {
        return Ok(());
    }
    Err(OtherServer {
        host,
        server: server.to_owned(),
        endpoints: endpoints.to_vec(),
    })
}

/// The host of a place: `host:port/name`.
#[must_use]
pub fn host_of(place: &str) -> &str {
    let server = place.split_once('/').map_or(place, |(server, _)| server);
    server.rsplit_once(':').map_or(server, |(host, _)| host)
}

/// Where a member of a cluster answers by itself, as RDS makes endpoints:
/// `<cluster>.cluster-<id>.<region>.…` and `<member>.<id>.<region>.…`. None: the cluster's
/// endpoint is made in another way.
#[must_use]
pub fn endpoint_of_member(cluster: &str, member: &str) -> Option<String> {
    let (_, zone) = cluster.split_once(".cluster-")?;
    Some(format!("{member}.{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITER: &str = "shop.cluster-c1abcdefgh.eu-west-1.rds.amazonaws.com";

    #[test]
    fn a_host_is_one_of_the_servers_endpoints_however_it_is_written() {
        let endpoints = [WRITER.to_owned(), "shop-1.example".to_owned()];
        for host in [
            WRITER,
            "Shop.Cluster-C1abcdefgh.eu-west-1.rds.amazonaws.com",
            "shop-1.example.",
        ] {
            assert_eq!(
                refuse_other_server(host, "cluster shop", &endpoints),
                Ok(())
            );
        }
        let refused = refuse_other_server("orders.example", "cluster shop", &endpoints);
        let text = refused.expect_err("another one").to_string();
        for said in [
            "host orders.example",
            "cluster shop",
            WRITER,
            "host_is_another_name",
        ] {
            assert!(text.contains(said), "{text}");
        }
        let none = refuse_other_server(WRITER, "cluster shop", &[]);
        let text = none.expect_err("nowhere").to_string();
        assert!(text.contains("answers at no endpoint"), "{text}");
    }

    #[test]
    fn a_place_begins_with_its_host() {
        for (place, host) in [
            ("db.example:5432/shop", "db.example"),
            ("db.example:5432/odd/name:7", "db.example"),
            ("fd00::7:5432/shop", "fd00::7"),
            ("db", "db"),
        ] {
            assert_eq!(host_of(place), host, "{place}");
        }
    }

    #[test]
    fn a_member_answers_in_the_zone_of_its_cluster() {
        let member = endpoint_of_member(WRITER, "shop-1");
        let expected = "shop-1.c1abcdefgh.eu-west-1.rds.amazonaws.com";
        assert_eq!(member.as_deref(), Some(expected));
        assert_eq!(endpoint_of_member("localhost", "shop-1"), None);
    }
}
