// From a file to a job, and from a completed job to its files, with Go's net/http:
// go run whole-job.go net/http URL KEY VIDEO COMPLETED_JOB FOLDER.
// Whatever fails, by a cut connection or a 5xx, is sent again, as a person would.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

var api, key, video, completed, folder = os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]

func call(method, url string, body []byte, once string) []byte {
	if strings.HasPrefix(url, "/") {
		url = api + url
	}
	for {
		request, err := http.NewRequest(method, url, bytes.NewReader(body))
		must(err)
		if !strings.Contains(url, "/links/") {
			request.Header.Set("X-API-Key", key)
		}
		if once != "" {
			request.Header.Set("Idempotency-Key", once)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode >= 500 || response.StatusCode == 408 || response.StatusCode == 429 {
			continue
		}
		if response.StatusCode != 200 {
			panic(fmt.Sprintf("%s %s: %s %s", method, url, response.Status, answer))
		}
		return answer
	}
}

type answer struct {
	UploadID string `json:"upload_id"`
	PartSize int    `json:"part_size"`
	JobID    string `json:"job_id"`
	Status   string `json:"status"`
	Version  int    `json:"version"`
	URL      string `json:"url"`
}

func ask(method, url string, body string, once string) (read answer) {
	must(json.Unmarshal(call(method, url, []byte(body), once), &read))
	return read
}

func main() {
	content, err := os.ReadFile(video)
	must(err)
	wanted := fmt.Sprintf(`{"filename": "v.mp4", "size": %d, "sha256": "%x"}`, len(content), sha256.Sum256(content))
	upload := ask("POST", "/uploads", wanted, rand.Text())
	for number, start := 1, 0; start < len(content); number, start = number+1, start+upload.PartSize {
		end := min(start+upload.PartSize, len(content))
		call("PUT", fmt.Sprintf("/uploads/%s/parts/%d", upload.UploadID, number), content[start:end], "")
	}
	call("POST", "/uploads/"+upload.UploadID+"/complete", nil, "")

	once := rand.Text()
	job := ""
	for time := range 3 {
		created := ask("POST", "/jobs", fmt.Sprintf(`{"task_id": "net/http", "upload_id": "%s"}`, upload.UploadID), once)
		if time > 0 && created.JobID != job {
			panic("two jobs")
		}
		job = created.JobID
	}
	fmt.Println(job)

	for status := (answer{}); status.Status != "cancelled"; {
		status = ask("GET", fmt.Sprintf("/jobs/%s/status?wait=1&after=%d", job, status.Version), "", "")
	}
	link := ask("POST", "/jobs/"+completed+"/results/baked_splat.ply/link", `{"expires_in": 600}`, "")
	must(os.WriteFile(filepath.Join(folder, "result"), call("GET", link.URL, nil, ""), 0o600))
	must(os.WriteFile(filepath.Join(folder, "results.zip"), call("GET", "/jobs/"+completed+"/results.zip", nil, ""), 0o600))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
