# The service on the current Node LTS. Debian, not Alpine: the embedded Postgres needs glibc.
FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build
# Optional dependencies stay: with them `docker run` alone, without DB_HOST, serves from the embedded database in /data.
RUN npm prune --omit=dev

FROM node:26-bookworm-slim
ENV NODE_ENV=production DATA_DIR=/data
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/build/src ./build/src
COPY sql ./sql
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# No shell in between: SIGTERM reaches the service, which drains and exits 0. The young generation of every thread may be
# larger than by default: what lives for one frame is then rarely copied.
CMD ["node", "--enable-source-maps", "--max-semi-space-size=32", "--min-semi-space-size=16", "build/src/main.js"]
