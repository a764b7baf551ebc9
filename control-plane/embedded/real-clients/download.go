// Downloads URL with KEY to PATH and resumes after cuts: go run download.go URL KEY PATH
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	url, key, path := os.Args[1], os.Args[2], os.Args[3]
	for etag := ""; ; {
		done, err := fetch(url, key, path, &etag)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if done {
			return
		}
	}
}

func fetch(url, key, path string, etag *string) (bool, error) {
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("X-API-Key", key)
	if info, err := os.Stat(path); err == nil && *etag != "" {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", info.Size()))
		request.Header.Set("If-Range", *etag)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, nil
	}
	defer response.Body.Close()
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	default:
		return false, fmt.Errorf("unexpected status %s", response.Status)
	}
	*etag = response.Header.Get("ETag")
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return false, err
	}
	defer file.Close()
	_, err = io.Copy(file, response.Body)
	return err == nil, nil
}
