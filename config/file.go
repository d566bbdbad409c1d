package config

// File is what a file declares.
type File struct {
	Schema    string             `json:"$schema,omitzero" jsonschema:"The JSON Schema of the file, for editors. It is not read."`
	Defaults  Client             `json:"defaults,omitzero" jsonschema:"What holds for all clients that do not say otherwise."`
	Clients   map[string]*Client `json:"clients,omitempty" jsonschema:"The clients by name. A name has letters, digits, - and _."`
	Providers map[string]*Server `json:"providers,omitempty" jsonschema:"Authorization servers by name, for the provider of a client. They come before the built-in ones of the same name."`
}

// Client is a client of an authorization server, the APIs that its token is
// for, and how its token is kept valid.
type Client struct {
	Provider   string            `json:"provider,omitzero" jsonschema:"The server, by its name below providers or by a built-in one: matrica, metafy or matter. Empty: the server is declared here."`
	Use        string            `json:"use,omitzero" jsonschema:"Another client whose credential and token this one shares, for other hosts. Beside it can stand only what says where the API is and how it takes the token: base_url, hosts, allowed_domains, connection, token_header, token_scheme, allow and insecure_allow_http."`
	Source     string            `json:"source,omitzero" jsonschema:"A source of tokens that the program provides under this name, in place of a server and a grant."`
	OAuth2     *OAuth2           `json:"oauth2,omitempty" jsonschema:"An oauth2 block of Prometheus, as it is, in place of a server and a grant."`
	Connection map[string]string `json:"connection,omitempty" jsonschema:"What ${connection.NAME} stands for in URLs and hosts, such as the domain of a tenant."`

	Server

	ClientID            string  `json:"client_id,omitzero" jsonschema:"The client's identifier."`
	ClientSecret        Secret  `json:"client_secret,omitzero" group:"client_secret" jsonschema:"The client's secret. ${NAME} is replaced by the environment variable of that name."`
	ClientSecretFile    Path    `json:"client_secret_file,omitzero" group:"client_secret" jsonschema:"A file that holds the secret. It is read for each token request, so that it may be replaced."`
	ClientSecretCommand Command `json:"client_secret_command,omitempty" group:"client_secret" secret:"" jsonschema:"A command with its arguments that prints the secret. It runs for each token request and has 10 seconds."`
	PrivateKey          Secret  `json:"private_key,omitzero" group:"private_key" jsonschema:"The private key for private_key_jwt, in PEM: RSA, ECDSA or Ed25519."`
	PrivateKeyFile      Path    `json:"private_key_file,omitzero" group:"private_key" jsonschema:"A file that holds the private key. It is read for each token request."`
	PrivateKeyCommand   Command `json:"private_key_command,omitempty" group:"private_key" secret:"" jsonschema:"A command with its arguments that prints the private key."`
	PrivateKeyID        string  `json:"private_key_id,omitzero" jsonschema:"The kid header of the assertions. Empty: none."`
	SignatureAlgorithm  string  `json:"signature_algorithm,omitzero" enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA" jsonschema:"The algorithm that signs assertions. Empty: RS256, ES256, ES384, ES512 or EdDSA, by the key."`
	AssertionAudience   string  `json:"assertion_audience,omitzero" jsonschema:"The aud claim of client assertions. Empty: the issuer, or the token URL if there is none."`

	Audience    string   `json:"audience,omitzero" jsonschema:"Whom the token is for, if the server asks."`
	Resource    []string `json:"resource,omitempty" jsonschema:"Whom the token is for by RFC 8707: absolute URLs."`
	RedirectURL URL      `json:"redirect_url,omitzero" jsonschema:"Where the browser comes back to after consent, exactly as it is registered."`

	Chain              string  `json:"chain,omitzero" jsonschema:"Another client whose token is the assertion (jwt_bearer) or the subject token (token_exchange)."`
	Assertion          Secret  `json:"assertion,omitzero" group:"assertion" jsonschema:"The assertion of the grant jwt_bearer."`
	AssertionFile      Path    `json:"assertion_file,omitzero" group:"assertion" jsonschema:"A file that holds the assertion, such as a projected service account token. It is read for each token request."`
	AssertionCommand   Command `json:"assertion_command,omitempty" group:"assertion" secret:"" jsonschema:"A command with its arguments that prints the assertion."`
	AssertionJWT       *JWT    `json:"assertion_jwt,omitempty" group:"assertion" jsonschema:"An assertion that is signed here, with private_key."`
	SubjectToken       Secret  `json:"subject_token,omitzero" group:"subject_token" jsonschema:"The subject token of the grant token_exchange."`
	SubjectTokenFile   Path    `json:"subject_token_file,omitzero" group:"subject_token" jsonschema:"A file that holds the subject token. It is read for each token request."`
	SubjectTokenCmd    Command `json:"subject_token_command,omitempty" group:"subject_token" secret:"" jsonschema:"A command with its arguments that prints the subject token."`
	SubjectTokenType   string  `json:"subject_token_type,omitzero" enum:"access_token,refresh_token,id_token,id-jag,saml1,saml2,jwt" urn:"token-type" jsonschema:"The type of the subject token: a name of RFC 8693 section 3, or another URN. Empty: access_token. With chain, id_token takes the ID token of that client."`
	ActorToken         Secret  `json:"actor_token,omitzero" group:"actor_token" jsonschema:"The token of the party that acts for the subject. Empty: no actor."`
	ActorTokenFile     Path    `json:"actor_token_file,omitzero" group:"actor_token" jsonschema:"A file that holds the actor token. It is read for each token request."`
	ActorTokenCommand  Command `json:"actor_token_command,omitempty" group:"actor_token" secret:"" jsonschema:"A command with its arguments that prints the actor token."`
	ActorTokenType     string  `json:"actor_token_type,omitzero" enum:"access_token,refresh_token,id_token,id-jag,saml1,saml2,jwt" urn:"token-type" jsonschema:"The type of the actor token. Empty: access_token."`
	RequestedTokenType string  `json:"requested_token_type,omitzero" enum:"access_token,refresh_token,id_token,id-jag,saml1,saml2,jwt" urn:"token-type" jsonschema:"The type of token to ask for. Empty: the server chooses."`

	InsecureAllowHTTP *bool               `json:"insecure_allow_http,omitempty" jsonschema:"Allows plaintext http to hosts other than this machine. Anyone on the path can then read secrets and tokens. Empty: false."`
	TLSConfig         *TLSConfig          `json:"tls_config,omitempty" jsonschema:"TLS to the authorization server and the API."`
	ProxyURL          URL                 `json:"proxy_url,omitzero" secret:"" jsonschema:"The HTTP proxy for the authorization server and the API. Empty: HTTPS_PROXY and NO_PROXY of the environment."`
	NoProxy           string              `json:"no_proxy,omitzero" jsonschema:"Hosts, domains and networks that proxy_url is not for, separated by commas. Empty: none."`
	ProxyHeader       map[string][]Secret `json:"proxy_connect_header,omitempty" secret:"" jsonschema:"Headers for proxy_url with CONNECT, each a list of values."`

	Allow []string `json:"allow,omitempty" jsonschema:"The only requests that bearer proxy lets through, each a path below base_url, or a method and a path: GET /v1/ is /v1/ and all below it, and {name} stands for one segment. GET allows HEAD too. Empty: all."`

	Refresh *Refresh `json:"refresh,omitempty" jsonschema:"When the token is refreshed. false: no background refresh; at expiry all callers wait."`
	Breaker *Breaker `json:"breaker,omitempty" jsonschema:"The circuit breaker before the token endpoint, which clients of the same endpoint share. false: none."`
	Store   *Store   `json:"store,omitempty" jsonschema:"Where the token survives the process. Empty or false: nowhere."`

	lent bool // the program has the secret, and the file none
}

// Server is an authorization server as data, and what is known of its APIs.
type Server struct {
	Issuer        URL `json:"issuer,omitzero" jsonschema:"The server's issuer (RFC 8414). Endpoints that are not set are discovered there at the first use."`
	TokenURL      URL `json:"token_url,omitzero" jsonschema:"The token endpoint. Required without issuer."`
	AuthURL       URL `json:"auth_url,omitzero" jsonschema:"The authorization endpoint, for the user's browser."`
	RevokeURL     URL `json:"revoke_url,omitzero" jsonschema:"The revocation endpoint (RFC 7009)."`
	DeviceAuthURL URL `json:"device_auth_url,omitzero" jsonschema:"The device authorization endpoint (RFC 8628)."`
	RefreshURL    URL `json:"refresh_url,omitzero" jsonschema:"Where refresh tokens are redeemed. Empty: token_url."`

	GrantType     string   `json:"grant_type,omitzero" enum:"client_credentials,authorization_code,device_code,jwt_bearer,token_exchange" urn:"grant-type" jsonschema:"How tokens are obtained. URNs of registered grant types are accepted too. Empty: client_credentials."`
	AuthMethod    string   `json:"auth_method,omitzero" enum:"client_secret_basic,client_secret_post,client_secret_jwt,private_key_jwt,tls_client_auth,self_signed_tls_client_auth,none" jsonschema:"How the client authenticates, by the registered names of RFC 7591 and 8414. Empty: private_key_jwt with a private_key, none without a secret, else client_secret_basic."`
	RefreshAuth   string   `json:"refresh_auth_method,omitzero" enum:"client_secret_basic,client_secret_post,none" jsonschema:"How the client authenticates when it redeems a refresh token. Empty: as auth_method says."`
	PublicClients *bool    `json:"public_clients,omitempty" jsonschema:"The server has public clients too: one without a secret authenticates by none, whatever auth_method says. Empty: false."`
	BasicFormat   string   `json:"basic_format,omitzero" enum:"rfc6749,raw,secret_only" jsonschema:"How client_secret_basic writes the credentials: form-encoded first (rfc6749), as they are (raw), or the secret alone as the user name (secret_only). Empty: rfc6749."`
	Scopes        []string `json:"scopes,omitempty" jsonschema:"The scopes to ask for. Empty: the server's default."`

	ScopeSeparator  string            `json:"scope_separator,omitzero" jsonschema:"What stands between scopes. Empty: a space, as RFC 6749 requires."`
	AuthParams      map[string]string `json:"auth_params,omitempty" jsonschema:"Further parameters of the authorization URL, and of the device authorization request."`
	EndpointParams  map[string]Secret `json:"endpoint_params,omitempty" jsonschema:"Further parameters of every token request."`
	ExchangeParams  map[string]Secret `json:"exchange_params,omitempty" jsonschema:"Further parameters of the request that exchanges a code."`
	RefreshParams   map[string]Secret `json:"refresh_params,omitempty" jsonschema:"Further parameters of the request that redeems a refresh token."`
	RefreshScopes   *bool             `json:"refresh_scopes,omitempty" jsonschema:"Sends the scopes with a refresh. Empty: false."`
	CodeParam       string            `json:"code_param,omitzero" jsonschema:"What a callback calls the code. Empty: code."`
	PKCE            *bool             `json:"pkce,omitempty" jsonschema:"false leaves PKCE out, for a server that refuses it. Empty: true."`
	IssuerInCall    *bool             `json:"issuer_in_callback,omitempty" jsonschema:"The server names itself in each callback (RFC 9207), and one without its name is refused. Empty: as discovered, else false."`
	DefaultLifetime Duration          `json:"default_lifetime,omitzero" jsonschema:"The lifetime of tokens of which the server does not say how long they live. Empty: they are used until they are rejected."`

	ReuseGrace Duration `json:"reuse_grace,omitzero" jsonschema:"How long the server accepts a refresh token again after it was used, in case the answer was lost. Empty: not known; it is sent once."`

	TokenRequest  *TokenRequest  `json:"token_request,omitempty" jsonschema:"How token requests differ from RFC 6749."`
	TokenResponse *TokenResponse `json:"token_response,omitempty" jsonschema:"How token answers differ from RFC 6749."`

	BaseURL        URL      `json:"base_url,omitzero" jsonschema:"The API. The command adds the paths of requests to it; in Go, Set.BaseURL returns it. If hosts is empty, its host and port are the only ones that get the token."`
	Hosts          []string `json:"hosts,omitempty" jsonschema:"The only hosts that get the token, each host or host:port. Empty: the host and port of base_url; without one, the host of each request that the program itself makes."`
	AllowedDomains []string `json:"allowed_domains,omitempty" jsonschema:"Where ${token.NAME} and ${callback.NAME} may lead to, each a host or *. and a domain, such as *.my.salesforce.com. Required if one stands in a host."`
	TokenHeader    string   `json:"token_header,omitzero" jsonschema:"The header in which the API takes the token, such as X-Shopify-Access-Token. Empty: Authorization."`
	TokenScheme    string   `json:"token_scheme,omitzero" jsonschema:"The word before the token in that header, such as Zoho-oauthtoken. Empty: Bearer; none if token_header is set."`
}

// TokenRequest is how token requests differ from RFC 6749.
type TokenRequest struct {
	Method  string            `json:"method,omitzero" enum:"POST,GET" jsonschema:"The method. GET implies the body query. Empty: POST."`
	Body    string            `json:"body,omitzero" enum:"form,json,query" jsonschema:"Where the parameters go: a form, a JSON object, or the URL's query. Empty: form."`
	Headers map[string]Secret `json:"headers,omitempty" jsonschema:"Further headers."`
	Rename  map[string]string `json:"rename,omitempty" jsonschema:"Other names for parameters, such as client_id: app_key. An empty name leaves the parameter out."`
	Timeout Duration          `json:"timeout,omitzero" jsonschema:"The limit of one attempt. Empty: 10s. false: none."`
}

// TokenResponse is how token answers differ from RFC 6749. Its paths lead to a
// member of the answer, names with dots between, such as
// authed_user.access_token.
type TokenResponse struct {
	AccessToken  string `json:"access_token,omitzero" jsonschema:"The path of the access token. Empty: access_token."`
	RefreshToken string `json:"refresh_token,omitzero" jsonschema:"The path of the refresh token. Empty: refresh_token."`
	TokenType    string `json:"token_type,omitzero" jsonschema:"The path of the token type. Empty: token_type."`
	Scope        string `json:"scope,omitzero" jsonschema:"The path of the granted scopes. Empty: scope."`
	ExpiresIn    string `json:"expires_in,omitzero" jsonschema:"The path of the lifetime. Empty: expires_in."`
	ExpiresAt    string `json:"expires_at,omitzero" jsonschema:"The path of the time of expiry, as a Unix time or by RFC 3339. Empty: the answer has none."`
	Milliseconds *bool  `json:"milliseconds,omitempty" jsonschema:"Lifetimes and Unix times are in milliseconds. Empty: false, seconds."`
	JWTExpiry    *bool  `json:"jwt_expiry,omitempty" jsonschema:"Without a lifetime, the exp claim of an access token that is a JWT is its expiry. Empty: false."`
}

// Refresh is when a token is refreshed.
type Refresh struct {
	Off      bool     `json:"-"` // false in the file
	Before   Duration `json:"before,omitzero" jsonschema:"How long before expiry a refresh runs in the background; at most a third of the lifetime. Empty: 5m. false: no background refresh."`
	Timeout  Duration `json:"timeout,omitzero" jsonschema:"The limit of one refresh with its repeats. Empty: 30s."`
	RetryFor Duration `json:"retry_for,omitzero" jsonschema:"How long a failed refresh is repeated while callers wait. Empty: 5s. false: no repeats."`
}

// Breaker is a circuit breaker.
type Breaker struct {
	Off     bool     `json:"-"` // false in the file
	OpenFor Duration `json:"open_for,omitzero" jsonschema:"The longest time for which the breaker stays open. Empty: 30s."`
}

// Store is where a token survives the process.
type Store struct {
	Off  bool   `json:"-"` // false in the file
	Dir  Path   `json:"dir,omitzero" group:"store" jsonschema:"A folder. It is made for this user alone; processes that name the same folder share the tokens."`
	Name string `json:"name,omitzero" group:"store" jsonschema:"A store that the program provides under this name."`
}

// JWT is an assertion that is signed here (RFC 7523 section 2.1).
type JWT struct {
	Issuer   string         `json:"iss,omitzero" jsonschema:"The issuer. Empty: client_id."`
	Subject  string         `json:"sub,omitzero" jsonschema:"Whom the token is for. Empty: the issuer."`
	Audience string         `json:"aud,omitzero" jsonschema:"The server's issuer or token URL. Empty: issuer, or token_url if there is none."`
	Lifetime Duration       `json:"lifetime,omitzero" jsonschema:"How long the assertion is valid. Empty: 1m."`
	Claims   map[string]any `json:"claims,omitempty" jsonschema:"Further claims."`
}

// TLSConfig is how TLS connections are made; the names are those of Prometheus.
type TLSConfig struct {
	CA                 string `json:"ca,omitzero" group:"ca" jsonschema:"The certificate authorities that are trusted, in PEM. Empty: the system's."`
	CAFile             Path   `json:"ca_file,omitzero" group:"ca" jsonschema:"A file of them."`
	Cert               string `json:"cert,omitzero" group:"cert" jsonschema:"The client's certificate, in PEM. Empty: none."`
	CertFile           Path   `json:"cert_file,omitzero" group:"cert" jsonschema:"A file that holds it. It is read for each connection."`
	Key                Secret `json:"key,omitzero" group:"key" jsonschema:"The private key of the certificate, in PEM."`
	KeyFile            Path   `json:"key_file,omitzero" group:"key" jsonschema:"A file that holds it. It is read for each connection."`
	ServerName         string `json:"server_name,omitzero" jsonschema:"The name that the server's certificate must have. Empty: the host of the URL."`
	InsecureSkipVerify *bool  `json:"insecure_skip_verify,omitempty" jsonschema:"Trusts any server, and so anyone on the path. Empty: false."`
	MinVersion         string `json:"min_version,omitzero" enum:"TLS10,TLS11,TLS12,TLS13" jsonschema:"The lowest version of TLS. Empty: TLS12."`
	MaxVersion         string `json:"max_version,omitzero" enum:"TLS10,TLS11,TLS12,TLS13" jsonschema:"The highest version of TLS. Empty: the highest that there is."`
}

// OAuth2 is an oauth2 block of Prometheus.
type OAuth2 struct {
	ClientID                 string              `json:"client_id,omitzero" jsonschema:"The client's identifier. Required."`
	ClientSecret             Secret              `json:"client_secret,omitzero" group:"client_secret" jsonschema:"The client's secret."`
	ClientSecretFile         Path                `json:"client_secret_file,omitzero" group:"client_secret" jsonschema:"A file that holds it. It is read for each token request."`
	ClientCertificateKey     Secret              `json:"client_certificate_key,omitzero" group:"private_key" jsonschema:"The private key of the grant jwt_bearer, in PEM."`
	ClientCertificateKeyFile Path                `json:"client_certificate_key_file,omitzero" group:"private_key" jsonschema:"A file that holds it. It is read for each token request."`
	ClientCertificateKeyID   string              `json:"client_certificate_key_id,omitzero" jsonschema:"The kid header of the assertions. Empty: none."`
	GrantType                string              `json:"grant_type,omitzero" enum:"client_credentials,jwt_bearer" urn:"grant-type" jsonschema:"How tokens are obtained. Empty: client_credentials."`
	SignatureAlgorithm       string              `json:"signature_algorithm,omitzero" enum:"RS256,RS384,RS512" jsonschema:"The algorithm that signs assertions. Empty: RS256."`
	Iss                      string              `json:"iss,omitzero" jsonschema:"The iss claim of the assertion. Empty: client_id."`
	Audience                 string              `json:"audience,omitzero" jsonschema:"The aud claim of the assertion. Empty: token_url."`
	Claims                   map[string]any      `json:"claims,omitempty" jsonschema:"Further claims of the assertion."`
	Scopes                   []string            `json:"scopes,omitempty" jsonschema:"The scopes to ask for. Empty: the server's default."`
	TokenURL                 URL                 `json:"token_url,omitzero" jsonschema:"The token endpoint. Required."`
	EndpointParams           map[string]Secret   `json:"endpoint_params,omitempty" jsonschema:"Further parameters of token requests."`
	TLSConfig                *TLSConfig          `json:"tls_config,omitempty" jsonschema:"TLS to the token endpoint."`
	ProxyURL                 URL                 `json:"proxy_url,omitzero" secret:"" jsonschema:"The HTTP proxy for the token endpoint. Empty: that of proxy_from_environment, or of the client's own proxy_url, or none."`
	NoProxy                  string              `json:"no_proxy,omitzero" jsonschema:"Hosts, domains and networks that proxy_url is not for, separated by commas. Empty: none."`
	ProxyHeader              map[string][]Secret `json:"proxy_connect_header,omitempty" secret:"" jsonschema:"Headers for proxy_url with CONNECT, each a list of values."`
	ProxyFromEnvironment     *bool               `json:"proxy_from_environment,omitempty" jsonschema:"Takes the proxy for the token endpoint from HTTPS_PROXY and NO_PROXY of the environment. Empty: false, as in Prometheus."`
}
