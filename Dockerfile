# The server with its own SQLite, libpq and OpenSSL: nothing is installed in the image it runs in.

FROM rust:1.95-bookworm AS build
WORKDIR /ripen
COPY . .
# The cache mounts outlive a build, so a change of the source builds ripen alone; they are not part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/ripen/target \
    cargo build --release --locked --bin ripen \
    && cp target/release/ripen /usr/local/bin/ripen

FROM debian:bookworm-slim
# To check the certificate of a PostgreSQL (sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt).
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/ripen /usr/local/bin/ripen
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ripen \
    && install --directory --owner ripen --group ripen /data

USER ripen
WORKDIR /data
VOLUME /data
# RIPEN_JWT_SECRET (32 bytes or more) has no default: give it with `docker run --env`.
ENV RIPEN_DATABASE_URL=sqlite:///data/ripen.db \
    RIPEN_LISTEN=0.0.0.0:8080
EXPOSE 8080

ENTRYPOINT ["ripen"]
CMD ["serve"]
