//! TLS by rustls over our sockets, by tokio's traits: no runtime of tokio is there.

mod common;

use common::{Result, connection, payload, run};
use executor::{net::TcpStream, spawn};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::{io, sync::Arc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
        version::TLS13,
    },
};

/// More than the system keeps for a reader that is slow.
const LENGTH: usize = 4 << 20;

/// A server whose certificate is its own, and a client that trusts it alone.
fn peers() -> Result<(TlsAcceptor, TlsConnector)> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".into()])?;
    let certificate: CertificateDer = cert.into();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let client = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((Arc::new(server).into(), Arc::new(client).into()))
}

/// Sends back what comes, up to the client's end, and then says that it ends, too.
async fn echo(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<u64> {
    let (mut reader, mut writer) = split(acceptor.accept(stream).await?);
    common::assert_is_on_our_threads();
    let echoed = copy(&mut reader, &mut writer).await?;
    writer.shutdown().await?;
    Ok(echoed)
}

async fn conversation() -> Result {
    let (acceptor, connector) = peers()?;
    let (near, far) = connection().await?;
    let server = spawn(echo(acceptor, far));
    let stream = connector.connect("localhost".try_into()?, near).await?;

    let (mut reader, mut writer) = split(stream);
    let sender = spawn(async move {
        writer.write_all(&payload(1, LENGTH)).await?;
        writer.shutdown().await
    });
    let mut echoed = Vec::new();
    // An end that nobody has announced would be an error.
    reader.read_to_end(&mut echoed).await?;
    assert!(echoed == payload(1, LENGTH));
    sender.await??;
    assert_eq!(server.await??, LENGTH as u64);
    Ok(())
}

#[test]
fn what_goes_through_tls_comes_back_and_both_sides_end() {
    run(conversation());
}

#[test]
fn a_certificate_of_somebody_else_is_refused_and_both_sides_hear_of_it() {
    run(async {
        let ((acceptor, _), (_, connector)) = (peers()?, peers()?);
        let (near, far) = connection().await?;
        let server = spawn(echo(acceptor, far));
        let refused = connector.connect("localhost".try_into()?, near).await;
        let error = refused.map(drop).expect_err("nobody vouches for it");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        server.await?.expect_err("the client has gone");
        Ok(())
    });
}
