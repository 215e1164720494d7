{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "storage.name" -}}{{ .Release.Name }}-postgresql{{- end -}}

{{- define "storage.secret" -}}{{ default (include "storage.name" .) .Values.auth.existingSecret }}{{- end -}}
