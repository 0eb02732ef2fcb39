# KIRA's node: sekaid from its Go module, and scaller, which supervises it. Built from the root of
# the repository:
#
#   docker build --file deploy/sekai.Dockerfile --tag sekin-sekai .

# Pin digests as well with NAME:TAG@sha256:DIGEST.
ARG GO_IMAGE=golang:1.26.8-bookworm
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-20250520-slim
ARG VERSION=0.4.13

FROM ${GO_IMAGE} AS sekaid
# `source` compiles; `prebuilt` takes deploy/prebuilt/sekaid.
ARG SEKAI=source
WORKDIR /source
COPY interop/nodes/sekaid-0.4.13 ./
COPY deploy/prebuilt prebuilt
ARG VERSION
# checklinkname: a dependency reaches into the Go runtime, which newer linkers refuse.
RUN set -eu; mkdir /out; \
    if [ "$SEKAI" = prebuilt ]; then cp prebuilt/sekaid /out/sekaid; exit; fi; \
    sdk=github.com/cosmos/cosmos-sdk/version; \
    named="-X $sdk.Name=sekai -X $sdk.AppName=sekaid -X $sdk.Version=v$VERSION"; \
    CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false \
        -ldflags "-s -w -checklinkname=0 $named" -o /out/sekaid tool

FROM ${RUST_IMAGE} AS scaller
ARG SEKAI=source
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY deploy/prebuilt deploy/prebuilt
RUN set -eu; mkdir /out; \
    if [ "$SEKAI" = prebuilt ]; then cp deploy/prebuilt/scaller /out/scaller; exit; fi; \
    host=$(rustc -vV | sed -n 's/^host: //p'); \
    RUSTFLAGS='-C target-feature=+crt-static' \
        cargo build --release --locked --package scaller --target "$host"; \
    cp "target/$host/release/scaller" /out/scaller

FROM ${DEBIAN_IMAGE}
# `ps`, to look at what runs. A base that has it needs no package mirror.
RUN command -v ps >/dev/null || { apt-get update && \
    apt-get install --yes --no-install-recommends procps && rm -rf /var/lib/apt/lists/*; }
ARG VERSION
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sekai" \
      org.opencontainers.image.description="sekaid, KIRA's node, with scaller" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=sekaid /out/sekaid /sekaid
COPY --from=scaller /out/scaller /scaller
WORKDIR /sekai
# Waits until `docker exec … /scaller start`; from then on it runs sekaid, also after a restart.
CMD ["/scaller", "wait"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["/scaller", "status", "--interx", ""]
