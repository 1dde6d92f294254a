#!/usr/bin/env bash
# Deploys the function without public access, and a schedule of one minute that may call it.
# Needs: gcloud, PROJECT, REGION, SUPABASE_URL, and the secret key in Secret Manager as supabase-secret-key.
set -euo pipefail

gcloud functions deploy cloud-jobs-worker --gen2 --project "$PROJECT" --region "$REGION" --runtime nodejs24 \
  --source . --entry-point worker --trigger-http --no-allow-unauthenticated --timeout 300s --memory 512Mi \
  --set-env-vars "SUPABASE_URL=$SUPABASE_URL" --set-secrets SUPABASE_SECRET_KEY=supabase-secret-key:latest

account="cloud-jobs-scheduler@$PROJECT.iam.gserviceaccount.com"
gcloud iam service-accounts describe "$account" --project "$PROJECT" >/dev/null 2>&1 ||
  gcloud iam service-accounts create cloud-jobs-scheduler --project "$PROJECT"
gcloud functions add-invoker-policy-binding cloud-jobs-worker --project "$PROJECT" --region "$REGION" \
  --member "serviceAccount:$account"
uri=$(gcloud functions describe cloud-jobs-worker --gen2 --project "$PROJECT" --region "$REGION" \
  --format 'value(serviceConfig.uri)')
gcloud scheduler jobs create http cloud-jobs --project "$PROJECT" --location "$REGION" --schedule '* * * * *' \
  --uri "$uri" --http-method POST --oidc-service-account-email "$account" --attempt-deadline 310s
