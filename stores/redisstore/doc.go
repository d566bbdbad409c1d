// Package redisstore keeps credentials in Redis or Valkey.
package redisstore
