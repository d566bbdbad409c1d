package bearertest

import (
	"net/http"
	"testing"
)

// BenchmarkAPI measures a request to the API, server and client together. The
// cost must not dominate what a load test measures.
func BenchmarkAPI(b *testing.B) {
	for name, cfg := range map[string]Config{"tcp": {}, "memory": {Network: new(Network)}} {
		b.Run(name, func(b *testing.B) {
			s := Start(b, cfg)
			token, _ := s.Issue("client", "")
			rt := s.Transport()
			if t, ok := rt.(*http.Transport); ok {
				t.MaxIdleConnsPerHost = 256
			}
			b.ReportAllocs()
			b.SetParallelism(128)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, _ := http.NewRequestWithContext(b.Context(), "GET", s.Endpoint(APIEndpoint), nil)
					req.Header.Set("Authorization", "Bearer "+token)
					resp, err := rt.RoundTrip(req)
					if err != nil {
						b.Error(err)
						return
					}
					resp.Body.Close()
				}
			})
		})
	}
}
