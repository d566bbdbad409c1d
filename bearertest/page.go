package bearertest

import (
	"html/template"
	"net/http"
)

// consentData is what the consent page shows.
type consentData struct {
	Action string // where the form goes
	Client string // who asks, and for what scope
	Scope  string
	Users  []string // who may answer
	User   string   // who is selected
	Device bool     // asks for a user code instead
	Code   string   // the user code, if it is known
	Done   string   // shown instead of the form
}

var consentPage = template.Must(template.New("consent").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>bearertest</title></head><body>
{{if .Done}}<p id="done">{{.Done}}</p>{{else}}<form method="post" action="{{.Action}}">
{{if .Device}}<p><label>Code of your device <input name="user_code" value="{{.Code}}"></label></p>
{{else}}<p>May <b>{{.Client}}</b> act for you{{if .Scope}} ({{.Scope}}){{end}}?</p>{{end}}
{{if gt (len .Users) 1}}<p><label>As <select name="user">
{{range .Users}}<option{{if eq . $.User}} selected{{end}}>{{.}}</option>
{{end}}</select></label></p>
{{end}}<button id="approve" name="decision" value="approve">Approve</button>
<button id="deny" name="decision" value="deny">Deny</button>
</form>{{end}}
</body></html>
`))

func showPage(w http.ResponseWriter, data consentData) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	consentPage.Execute(w, data) // fails only if the browser has left
}
