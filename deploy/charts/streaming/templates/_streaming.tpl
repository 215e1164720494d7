{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Names that people type: they do not depend on the release. */}}
{{- define "streaming.broker" -}}fdp-kafka-controller{{- end -}}
{{- define "streaming.headless" -}}fdp-kafka-controller-headless{{- end -}}

{{- define "streaming.registry" -}}{{ .Release.Name }}-schema-registry{{- end -}}

{{- define "streaming.registry-url" -}}
{{- if eq .Values.registry.mode "internal" -}}http://{{ include "streaming.registry" . }}:8081
{{- else -}}{{ required "registry.url: where is the external registry? http://HOST:PORT" .Values.registry.url }}
{{- end -}}
{{- end -}}

{{/* Who asks the registry; they connect to Kafka too. */}}
{{- define "streaming.readers" -}}
{{ list "ingestion" "processing" "console" "akhq" "ingestion-test" "processing-test" "streaming-test" | toJson }}
{{- end -}}

{{- define "streaming.registry-edge" -}}
{{- $inside := eq .Values.registry.mode "internal" | ternary (include "streaming.registry" .) "" -}}
{{ include "fdp.server-edge" (dict "root" . "address" (include "streaming.registry-url" .) "inside" $inside "peer" "registry") }}
{{- end -}}

{{/* A Job that runs one command of fdp, again with every installation and upgrade, and fails the release when it fails. The dict has root,
component, args, config, secrets, and with more files a volume `files` and its `mount`. */}}
{{- define "streaming.job" -}}
{{- $name := printf "%s-%s" .root.Release.Name .component -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "fdp.metadata" (merge (dict "name" $name) .) | nindent 2 }}
data:
  fdp.yaml: |
    {{- toYaml .config | nindent 4 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "fdp.metadata" (merge (dict "name" $name) .) | nindent 2 }}
  annotations:
    helm.sh/hook: post-install,post-upgrade
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 3
  activeDeadlineSeconds: 600
  template:
    metadata:
      labels:
        {{- include "fdp.pod-labels" . | nindent 8 }}
    spec:
      {{- include "fdp.pod" (merge (dict "uid" 65532 "values" dict) .) | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: {{ .component }}
          {{- include "fdp.container" (merge (dict "image" "fdp") .) | nindent 10 }}
          args:
            {{- toYaml .args | nindent 12 }}
          env:
            {{- include "fdp.config-variable" . | nindent 12 }}
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits: {memory: 64Mi}
          volumeMounts:
            - {name: config, mountPath: /etc/fdp, readOnly: true}
            - {name: tmp, mountPath: /tmp}
            {{- with .mount }}
            - {name: files, mountPath: {{ . }}, readOnly: true}
            {{- end }}
            {{- range $i, $secret := .secrets }}
            - {name: secret-{{ $i }}, mountPath: {{ $secret.path }}, readOnly: true}
            {{- end }}
      volumes:
        - name: config
          configMap: {name: {{ $name }}}
        - name: tmp
          emptyDir: {sizeLimit: 16Mi}
        {{- with .files }}
        - name: files
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- range $i, $secret := .secrets }}
        - name: secret-{{ $i }}
          secret: {secretName: {{ $secret.name | quote }}, defaultMode: 0440}
        {{- end }}
{{- end -}}
