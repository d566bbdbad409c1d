package batch

// A record says which lines of the input have a result, and by which hash they
// were known: 32 bits of it for each line, in pages, so that a million lines
// take 4 MB.
type record struct {
	pages map[int64]*[pageSize]uint32
	n     int
}

const pageSize = 1024

// tag is what a record keeps of a hash. Zero is no result.
func tag(hash uint64) uint32 { return max(uint32(hash), 1) }

// add records a result. It reports false if the line has one already.
func (r *record) add(number int64, hash uint64) bool {
	page := r.pages[number/pageSize]
	if page == nil {
		if r.pages == nil {
			r.pages = map[int64]*[pageSize]uint32{}
		}
		page = new([pageSize]uint32)
		r.pages[number/pageSize] = page
	}
	if page[number%pageSize] != 0 {
		return false
	}
	page[number%pageSize] = tag(hash)
	r.n++
	return true
}

// has reports whether a line has a result, and whether that is of the same text.
func (r *record) has(number int64, hash uint64) (done, same bool) {
	page := r.pages[number/pageSize]
	if page == nil || page[number%pageSize] == 0 {
		return false, false
	}
	return true, page[number%pageSize] == tag(hash)
}
