package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ErrCutOff is in the error of Serve if requests had not ended in time.
var ErrCutOff = errors.New("requests in flight were cut off")

// Serve serves requests on l until ctx ends. Then it accepts no more, and gives
// those in flight the time drain to end. It closes l.
func (p *Proxy) Serve(ctx context.Context, l net.Listener, drain time.Duration) error {
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s := &http.Server{
		Handler: p, ErrorLog: p.errors,
		BaseContext: func(net.Listener) context.Context { return requests },
		// Streams may last, so there is no limit for a request or an answer.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	if p.Certificate != nil {
		s.Protocols.SetHTTP2(true)
		s.TLSConfig = &tls.Config{GetCertificate: p.Certificate.get}
	} else {
		s.Protocols.SetUnencryptedHTTP2(true) // which gRPC's clients speak
	}
	p.warmUp(requests)
	ended := make(chan error, 1)
	go func() { // ends when s is shut down, which is before Serve returns
		if p.Certificate != nil {
			ended <- s.ServeTLS(l, "", "")
		} else {
			ended <- s.Serve(l)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	return p.drain(s, cut, drain)
}

// drain lets the requests in flight end, and cuts off those that do not.
func (p *Proxy) drain(s *http.Server, cut func(), limit time.Duration) error {
	close(p.closing)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = s.Shutdown(ctx) // waits until limit at most
	select {
	case <-p.inFlight.ended():
		return nil
	case <-ctx.Done():
	}
	cut()
	s.Close() // what it returns is of no use now
	return fmt.Errorf("%w after %v", ErrCutOff, limit)
}
