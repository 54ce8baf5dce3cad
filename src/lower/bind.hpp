// Which code a helper call reaches: the application's helpers first, then Linux'.
#pragma once

#include <string>

#include <skep/error.hpp>

#include "lower/image.hpp"

namespace skep::lower {

/// Fills `binding` for helper `id` as called from programs of type `type`. The Error's text names id, helper and
/// program type; its `where` is empty.
[[nodiscard]] Result<void> bind_helper(const std::vector<HelperSpec>& app_helpers, ProgType type, std::uint32_t id,
                                       Binding& binding);

/// Refuses prototypes that contradict themselves: a size that follows no memory, two helpers of one id, no function.
[[nodiscard]] Result<void> check_prototypes(const std::vector<HelperSpec>& app_helpers);

}  // namespace skep::lower
