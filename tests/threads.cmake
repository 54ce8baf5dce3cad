# One executable, many threads. Label `threads`: these run under the thread sanitizer, too.
skep_test(executable_threads SOURCES threads/executable_threads_test.cpp LIBRARIES skep LABELS threads)
