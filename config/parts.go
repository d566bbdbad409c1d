package config

// parts checks how the token is kept, and the connections.
func (k *checker) parts(c *declared) {
	if c.Store != nil && !c.Store.Off {
		switch {
		case c.Store.Name != "" && k.confined:
			at, path := k.where(c, "store.name")
			k.forbid(at, path, "use a store of this program")
		case c.Store.Name != "" && k.loader.Stores[c.Store.Name] == nil:
			k.nowhere(c, "store.name", c.Store.Name, "a store of this program", sorted(k.loader.Stores))
		case c.Store.Name == "" && c.Store.Dir == "" && !k.present(c, "store.dir") && !k.present(c, "store.name"):
			k.wrong(c, "store", "this does not say where; set dir")
		}
	}
	var blocks []string
	if c.TLSConfig != nil {
		blocks = append(blocks, "tls_config")
		k.tls(c, "tls_config", c.TLSConfig)
	}
	if c.OAuth2 != nil && c.OAuth2.TLSConfig != nil {
		blocks = append(blocks, "oauth2.tls_config")
		k.tls(c, "oauth2.tls_config", c.OAuth2.TLSConfig)
	}
	k.proxies(c)
	if c.ProxyURL != "" {
		blocks = append(blocks, "proxy_url")
	}
	if c.OAuth2 != nil && c.OAuth2.ProxyURL != "" {
		blocks = append(blocks, "oauth2.proxy_url")
	}
	if k.loader.Base != nil {
		for _, key := range blocks {
			k.wrong(c, key, "the program has its own transport (Loader.Base), which this cannot change; remove one of them")
		}
	}
}

func (k *checker) tls(c *declared, key string, t *TLSConfig) {
	_, path := k.where(c, key)
	for name, value := range map[string]Path{"ca_file": t.CAFile, "cert_file": t.CertFile, "key_file": t.KeyFile} {
		if _, there := k.keys[join(path, name)]; there && value == "" {
			return // its value is at fault
		}
		if value != "" && !k.opens(c, join(key, name), value) {
			return
		}
	}
	if _, setting, err := t.config(); err != nil {
		text := err.Error()
		if setting != "" {
			key = join(key, setting)
		}
		k.wrong(c, key, text)
	}
}
