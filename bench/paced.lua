-- load.lua with a pause of 10 to 30 ms before each request of a connection: a load that saturates nothing. wrk's latencies
-- do not contain it.
dofile(debug.getinfo(1, "S").source:sub(2):gsub("paced.lua$", "load.lua"))

function delay()
  return math.random(10, 30)
end
