// libbpf as the referee of CO-RE: an object relocated by it, and the comparison with ours. Only where libbpf is.
//
// libbpf relocates while it loads. It is stopped right behind that: the programs are left without a type, which it
// notices when it comes to loading them. So nothing but maps reaches the kernel, and nothing stays.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <memory>
#include <string>

#include "btf/btf.hpp"
#include "loader/object_spec.hpp"
#include "support/objects.hpp"

namespace skep::referee {

using Types = std::shared_ptr<const btf::Btf>;

/// An object as libbpf relocates it. One at a time: libbpf's messages go to one place.
class Theirs {
 public:
  /// `types` is a file of target types, null for the host's; `kconfig` the text of a configuration, which libbpf asks
  /// before the host's.
  Theirs(const objects::Image& image, const char* types, const char* kconfig = nullptr);

  /// False when libbpf refuses the object; messages() says why.
  [[nodiscard]] bool relocated() const { return relocated_; }
  [[nodiscard]] bpf_object* get() const { return object_.get(); }
  [[nodiscard]] const std::string& messages() const { return messages_; }

 private:
  struct Close {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  std::unique_ptr<bpf_object, Close> object_;
  std::string messages_;
  bool relocated_ = false;
};

struct Tally {
  std::size_t equal = 0, different = 0;
  std::size_t refused = 0;   ///< programs that libbpf relocates and skep does not
  std::size_t poisoned = 0;  ///< instructions
};

/// Counts the programs of an object that are equal but for descriptors of maps, which must lead to one index each, and
/// addresses of symbols without a type, which are needs here. Says what differs.
void compare(const loader::ObjectSpec& ours, const Theirs& theirs, Tally& tally);

/// The types in a file; null when it cannot be read.
[[nodiscard]] Types parse_types(const std::string& path);
[[nodiscard]] Result<loader::ObjectSpec> open_ours(const objects::Image& image, const std::string& name,
                                                   const Types& types);
/// True when a program waits for an answer to CO-RE.
[[nodiscard]] bool needs_core(const program::Program& program);
[[nodiscard]] std::string_view bytes_of(const objects::Image& image);

}  // namespace skep::referee
