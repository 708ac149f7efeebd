// go-jose with its own set of keys, and golang-jwt, which has none: the key is put together by hand. In and out as in
// judge.mjs.
package main

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	golang "github.com/golang-jwt/jwt"
	"gopkg.in/square/go-jose.v2"
	"gopkg.in/square/go-jose.v2/jwt"
)

type input struct {
	Issuer, JwksUri, Audience string
	Tokens                    map[string]string
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func goJose(given input, keys *jose.JSONWebKeySet, text string) error {
	token, err := jwt.ParseSigned(text)
	if err != nil {
		return err
	}
	claims := jwt.Claims{}
	if err := token.Claims(keys, &claims); err != nil {
		return err
	}
	return claims.Validate(jwt.Expected{Issuer: given.Issuer, Audience: jwt.Audience{given.Audience}, Time: time.Now()})
}

func golangJwt(given input, keys *jose.JSONWebKeySet, text string) error {
	claims := golang.MapClaims{}
	parser := golang.Parser{ValidMethods: []string{"ES256"}}
	_, err := parser.ParseWithClaims(text, claims, func(token *golang.Token) (interface{}, error) {
		kid, _ := token.Header["kid"].(string)
		for _, key := range keys.Key(kid) {
			if public, ok := key.Key.(*ecdsa.PublicKey); ok {
				return public, nil
			}
		}
		return nil, fmt.Errorf("unknown key")
	})
	if err != nil {
		return err
	}
	if !claims.VerifyIssuer(given.Issuer, true) || !claims.VerifyAudience(given.Audience, true) {
		return fmt.Errorf("another issuer or audience")
	}
	return nil
}

func main() {
	given := input{}
	check(json.NewDecoder(os.Stdin).Decode(&given))
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(given.JwksUri)
	check(err)
	keys := jose.JSONWebKeySet{}
	check(json.NewDecoder(answer.Body).Decode(&keys))
	verdicts := map[string]map[string]string{"go-jose": {}, "golang-jwt": {}}
	judge := func(name, kind string, err error) {
		verdicts[name][kind] = "accepted"
		if err != nil {
			verdicts[name][kind] = "refused"
		}
	}
	for kind, text := range given.Tokens {
		judge("go-jose", kind, goJose(given, &keys, text))
		judge("golang-jwt", kind, golangJwt(given, &keys, text))
	}
	check(json.NewEncoder(os.Stdout).Encode(verdicts))
}
