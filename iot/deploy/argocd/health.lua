-- Argo CD's health of an iot.nationtech.io Deployment, by its conditions (kstatus: Ready, Reconciling, Stalled). One thing is
-- sooner than kstatus, which says InProgress as long as something is tried again: a device that fails shows as Degraded at once,
-- as Argo CD does for a Pod whose image cannot be pulled. Devices that are offline alone degrade nothing: they follow.
local generation = obj.metadata.generation
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  local observed = condition.observedGeneration or status.observedGeneration
  if observed == generation then
    conditions[condition.type] = condition
  end
end

local ready = conditions["Ready"]
local stalled = conditions["Stalled"]
if ready == nil or status.observedGeneration ~= generation then
  return { status = "Progressing", message = "waiting for the iot-operator to take up this change" }
end
if stalled ~= nil and stalled.status == "True" then
  return { status = "Degraded", message = stalled.message }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
if status.aggregate ~= nil and (status.aggregate.failed or 0) > 0 then
  return { status = "Degraded", message = ready.message }
end
return { status = "Progressing", message = ready.message }
