// SPDX-License-Identifier: Apache-2.0
// Holds what go.mod is there for: nothing is built from this file.

//go:build tools

package tools

import _ "go.etcd.io/etcd/server/v3"
