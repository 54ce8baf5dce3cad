// Which code a call reaches: of helpers the application's first, then Linux'; of kernel functions the application's.
#pragma once

#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "lower/image.hpp"

namespace skep::lower {

/// Fills `binding` for helper `id` as called from programs of type `type`. The Error's text names id, helper and
/// program type; its `where` is empty.
[[nodiscard]] Result<void> bind_helper(const std::vector<HelperSpec>& app_helpers, ProgType type, std::uint32_t id,
                                       Binding& binding);

/// Makes `binding` call a function of the application, which outlives it.
void bind_app(const HelperSpec& spec, Binding& binding);

/// The kernel function of that name; null when the application gives none.
[[nodiscard]] const HelperSpec* find_kfunc(const std::vector<HelperSpec>& kfuncs, std::string_view name) noexcept;

/// Refuses prototypes that contradict themselves: a size that follows no memory, two helpers of one id, two kernel
/// functions of one name, no function.
[[nodiscard]] Result<void> check_prototypes(const std::vector<HelperSpec>& app_helpers,
                                            const std::vector<HelperSpec>& kfuncs);

}  // namespace skep::lower
