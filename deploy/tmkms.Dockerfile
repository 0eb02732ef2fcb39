# The signer: one static binary, and nothing else. Built from the root of the repository:
#
#   docker build --file deploy/tmkms.Dockerfile --tag sekin-tmkms .
#
# The image names no user: commands that write files are run with plain `docker run` as root, and
# give what they write to the owner of the directory. The services that sign run as 65534.

# What compiles. Pin its digest as well with NAME:TAG@sha256:DIGEST.
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS build
# `source` compiles, for the platform of this image; `prebuilt` takes deploy/prebuilt/tmkms.
ARG TMKMS=source
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY deploy/prebuilt deploy/prebuilt
RUN set -eu; mkdir /out; \
    if [ "$TMKMS" = prebuilt ]; then cp deploy/prebuilt/tmkms /out/tmkms; exit; fi; \
    host=$(rustc -vV | sed -n 's/^host: //p'); \
    RUSTFLAGS='-C target-feature=+crt-static' \
        cargo build --release --locked --package tmkms --target "$host"; \
    cp "target/$host/release/tmkms" /out/tmkms

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tmkms" \
      org.opencontainers.image.description="Holds a CometBFT validator's consensus key and signs for its node, never twice" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/local/bin
COPY --from=build /out/tmkms /usr/local/bin/tmkms
WORKDIR /tmkms
ENTRYPOINT ["/usr/local/bin/tmkms"]
CMD ["start", "-c", "/tmkms/tmkms.toml"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["/usr/local/bin/tmkms", "status", "-c", "/tmkms/tmkms.toml"]
