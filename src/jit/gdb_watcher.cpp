// GDB's manual, "JIT Compilation Interface". The debugger knows these two names and finds them in whatever program it
// debugs: there can be one list only, and its lock must be as global as the list.
#include <cstdint>
#include <mutex>
#include <vector>

#include <skep/code_watcher.hpp>

#include "jit/debug_object.hpp"

extern "C" {

struct jit_code_entry {
  jit_code_entry* next;
  jit_code_entry* prev;
  const char* file;
  std::uint64_t bytes;
};

struct jit_descriptor {
  std::uint32_t version;
  std::uint32_t action;  // 0 nothing, 1 entry was added, 2 entry goes
  jit_code_entry* entry;
  jit_code_entry* first;
};

// Weak, for another JIT in this program may bring the same pair; then one of them serves both.
[[gnu::weak, gnu::used, gnu::visibility("default")]] jit_descriptor __jit_debug_descriptor{1, 0, nullptr, nullptr};

/// The debugger stops here.
[[gnu::weak, gnu::used, gnu::noinline, gnu::visibility("default")]] void __jit_debug_register_code() {
  asm volatile("" ::: "memory");
}
}

namespace skep {
namespace {

enum Action : std::uint32_t { action_register = 1, action_unregister = 2 };

std::mutex& list_mutex() {
  static std::mutex mutex;
  return mutex;
}

void tell(Action action, jit_code_entry* entry) {
  __jit_debug_descriptor.action = action;
  __jit_debug_descriptor.entry = entry;
  __jit_debug_register_code();
}

/// A program's place in the list.
class Registration {
 public:
  explicit Registration(std::vector<std::byte> file) : file_(std::move(file)) {
    const std::scoped_lock lock(list_mutex());
    entry_ = {__jit_debug_descriptor.first, nullptr, reinterpret_cast<const char*>(file_.data()), file_.size()};
    if (entry_.next != nullptr) entry_.next->prev = &entry_;
    __jit_debug_descriptor.first = &entry_;
    tell(action_register, &entry_);
  }
  ~Registration() {
    const std::scoped_lock lock(list_mutex());
    (entry_.prev != nullptr ? entry_.prev->next : __jit_debug_descriptor.first) = entry_.next;
    if (entry_.next != nullptr) entry_.next->prev = entry_.prev;
    tell(action_unregister, &entry_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  std::vector<std::byte> file_;
  jit_code_entry entry_{};
};

class GdbWatcher final : public CodeWatcher {
 public:
  Result<std::shared_ptr<const void>> appeared(const CodeNews& news) override {
    auto file = jit::debug_object(news);
    if (!file) return fail(std::move(file).error());
    return std::make_shared<const Registration>(std::move(*file));
  }
};

}  // namespace

std::shared_ptr<CodeWatcher> make_gdb_watcher() { return std::make_shared<GdbWatcher>(); }

}  // namespace skep
