package sqlstore

// Users returns how many hold the lock of key in this process, or wait for it.
func (s *Store) Users(key string) int {
	s.locks.mu.Lock()
	defer s.locks.mu.Unlock()
	if q, ok := s.locks.byKey[key]; ok {
		return q.users
	}
	return 0
}
