# The worker as a container: docker run --env-file .env -v ./handlers:/handlers:ro cloud-jobs run
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run --silent build:dashboard && npm run --silent build && \
  npm pack --silent --ignore-scripts --pack-destination /tmp
WORKDIR /app
RUN npm init --yes >/dev/null && npm install --omit=dev --no-audit --no-fund /tmp/cloud-jobs-*.tgz

FROM ${NODE_IMAGE}
# tini forwards SIGTERM to the worker and collects the processes that handlers leave behind.
RUN apt-get update && apt-get install --yes --no-install-recommends tini && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=build /app/node_modules /node_modules
# The default folder of handlers is .github/cloud-jobs. Their imports resolve from /handlers up to /node_modules.
RUN mkdir -p /handlers /worker/.github && ln -s /handlers /worker/.github/cloud-jobs
ENV NODE_ENV=production HOME=/tmp
WORKDIR /worker
USER 10001:10001
ENTRYPOINT ["tini", "--", "node", "/node_modules/cloud-jobs/lib/src/hosts/command-line.js"]
CMD ["run"]
