// Whether two declarations of one name agree, by libbpf's rules.
//
// Variables and functions: the same types but for typedefs and qualifiers; behind a pointer a struct needs only the
// name, so that one side may know it as a forward declaration. Maps: the same definition, whatever the order of its
// fields.
#pragma once

#include <cstdint>
#include <string_view>

#include <skep/error.hpp>

#include "btf/btf.hpp"

namespace skep::linker {

/// A variable or function as one input declares it.
struct Declaration {
  const btf::Btf& btf;
  btf::TypeId id = 0;
  std::string_view input;  ///< for messages
};

class Matcher {
 public:
  /// Errors: invalid, with both inputs' names and what differs; limit, when all calls together compared more than
  /// kMaxSteps types.
  [[nodiscard]] Result<void> match(std::string_view name, bool is_map, const Declaration& old,
                                   const Declaration& added);

  static constexpr std::uint32_t kMaxSteps = 1'000'000;

 private:
  std::uint32_t steps_ = 0;
};

}  // namespace skep::linker
