package peers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// Azcore is azcore's BearerTokenPolicy in a pipeline without retries and
// telemetry. Left to itself the policy renews a token on a 401 only when the
// challenge carries claims; OnChallenge, which is there for that, renews it on
// any. A pipeline stands above the HTTP client.
var Azcore = Peer{
	Name:   "azcore",
	Module: "github.com/Azure/azure-sdk-for-go/sdk/azcore",
	Transport: func(s Setup) http.RoundTripper {
		return roundTripperFunc(azcorePipeline(s, transporter(s.Base.RoundTrip)))
	},
	Above: func(s Setup) func(*http.Request) (*http.Response, error) {
		return azcorePipeline(s, &http.Client{Transport: s.Base})
	},
	Tokens: func(s Setup) func(context.Context) Get {
		p := azcorePolicy(s)
		return func(ctx context.Context) Get {
			req := azcoreRequest(ctx)
			return func() (string, error) { return azcoreToken(p, req) }
		}
	},
	Many: func(n int, fetch func(i int) Fetch) func(context.Context, int) (string, error) {
		policies := many(n, func(i int) *runtime.BearerTokenPolicy { return azcorePolicy(Setup{Fetch: fetch(i)}) })
		req := azcoreRequest(context.Background())
		return func(_ context.Context, i int) (string, error) { return azcoreToken(policies[i], req) }
	},
}

type transporter func(*http.Request) (*http.Response, error)

func (f transporter) Do(req *http.Request) (*http.Response, error) { return f(req) }

func azcorePipeline(s Setup, t policy.Transporter) func(*http.Request) (*http.Response, error) {
	pipeline := runtime.NewPipeline("bench", "v1.0.0",
		runtime.PipelineOptions{PerRetry: []policy.Policy{azcorePolicy(s)}},
		&policy.ClientOptions{
			Retry:     policy.RetryOptions{MaxRetries: -1},
			Telemetry: policy.TelemetryOptions{Disabled: true},
			Transport: t,
		})
	return func(req *http.Request) (*http.Response, error) {
		// No Clone: the pipeline makes one for each try.
		out, err := runtime.NewRequestFromRequest(req)
		if err != nil {
			return nil, err
		}
		runtime.SkipBodyDownload(out)
		return pipeline.Do(out)
	}
}

func azcorePolicy(s Setup) *runtime.BearerTokenPolicy {
	return runtime.NewBearerTokenPolicy(azcoreCredential{s.Fetch, s.Margin}, nil, &policy.BearerTokenOptions{
		AuthorizationHandler:            azcoreHandler,
		InsecureAllowCredentialWithHTTP: true, // the servers here are on loopback
	})
}

var azcoreHandler = policy.AuthorizationHandler{
	OnChallenge: func(_ *policy.Request, _ *http.Response, authorize func(policy.TokenRequestOptions) error) error {
		return authorize(policy.TokenRequestOptions{})
	},
}

// azcoreCredential says with each token when to refresh it, for azcore has no
// option but that: otherwise it is five minutes before expiry.
type azcoreCredential struct {
	fetch  Fetch
	margin time.Duration
}

func (c azcoreCredential) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := c.fetch(ctx)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	out := azcore.AccessToken{Token: t.Value, ExpiresOn: t.Expiry}
	if c.margin != 0 {
		out.RefreshOn = t.Expiry.Add(-c.margin)
	}
	return out, nil
}

func azcoreRequest(ctx context.Context) *policy.Request {
	req, err := runtime.NewRequest(ctx, http.MethodGet, "https://api.example.com/")
	if err != nil {
		panic(err) // the URL is a constant
	}
	return req
}

// azcoreToken is the nearest thing to a cached token that azcore exports: the
// policy alone sets the header, and then finds that no other policy follows.
func azcoreToken(p *runtime.BearerTokenPolicy, req *policy.Request) (string, error) {
	req.Raw().Header.Del("Authorization")
	_, err := p.Do(req)
	token, ok := strings.CutPrefix(req.Raw().Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", errors.Join(errors.New("azcore set no header"), err)
	}
	return token, nil
}
