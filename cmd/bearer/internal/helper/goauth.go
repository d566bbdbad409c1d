package helper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Goauth is an authentication command for GOAUTH (go help goauth). First the go
// command calls it without a URL, and learns where the token may go; later with
// the URL of a request that failed, and the response. If that is 401, the token
// is renewed. For a URL at another host it says nothing.
func (h *Helper) Goauth(ctx context.Context, raw string, in io.Reader, out io.Writer) error {
	prefixes := h.Target.Prefixes()
	rejected := false
	if raw != "" {
		u, err := h.Target.URL(raw)
		if err != nil || u.Scheme != "https" {
			return nil
		}
		// The host may be declared without the port that this URL has.
		prefixes = append(prefixes, "https://"+u.Host+strings.TrimSuffix(u.EscapedPath(), "/"))
		resp, err := http.ReadResponse(bufio.NewReader(in), nil)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		case err != nil:
			return fmt.Errorf("stdin is not the response that the go command sends: %w", err)
		default:
			resp.Body.Close()
			rejected = resp.StatusCode == http.StatusUnauthorized
		}
	}
	if len(prefixes) == 0 {
		return nil
	}
	token, err := h.Tokens.Token(ctx)
	if err == nil && rejected {
		token, err = h.Tokens.Renew(ctx, token)
	}
	if err != nil {
		return err
	}
	name, value := h.Target.Header(token.AccessToken)
	_, err = fmt.Fprintf(out, "%s\n\n%s: %s\n\n", strings.Join(prefixes, "\n"), name, value)
	return err
}
